import { Dependency } from './known-token.ts';
import { PartedLru } from './parted-lru.ts';

/**
 * The marks by which a change of one user or agent reaches every cached token that was joined with it, without a
 * search: the tokens share the mark, and the change clears it. A mark that falls out of the bounded cache is
 * cleared too, so its tokens are read again rather than missed.
 */
export class Dependencies {
  readonly #marks: PartedLru<Dependency>;

  constructor(size: number) {
    this.#marks = new PartedLru(size, (mark) => {
      mark.current = false;
    });
  }

  /** The mark of the record with that id. */
  of(id: string): Dependency {
    let mark = this.#marks.get(id);
    if (mark === undefined) {
      mark = new Dependency();
      this.#marks.set(id, mark);
    }
    return mark;
  }

  /** The record with that id changed. */
  changed(id: string): void {
    this.#marks.delete(id);
  }
}
