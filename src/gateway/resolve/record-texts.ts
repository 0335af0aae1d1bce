import { PartedLru } from './parted-lru.ts';

/**
 * Records that cached tokens are joined with, by id: one text for all tokens of an owner, or of an agent. When the
 * record changes, the text goes, and no token that needs it is believed until it was read again; so too when it falls
 * out of the bounded cache.
 */
export class RecordTexts {
  readonly #texts: PartedLru<string>;

  constructor(size: number) {
    this.#texts = new PartedLru(size);
  }

  get(id: string): string | undefined {
    return this.#texts.get(id);
  }

  /** Keeps what was read. @returns the text that is held: the one before, where it says the same */
  put(id: string, read: string): string {
    const held = this.#texts.get(id);
    if (held === read) return held;
    this.#texts.set(id, read);
    return read;
  }

  /** The record with that id changed. */
  changed(id: string): void {
    this.#texts.delete(id);
  }
}
