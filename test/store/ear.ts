import type { Change, ChangeListener } from '../../src/domain/store.ts';

/** A listener that remembers what it heard, and can be waited for. */
export class Ear implements ChangeListener {
  readonly changes: Change[] = [];
  gaps = 0;
  #waiting: { met: () => boolean; resolve: () => void }[] = [];

  onChange(change: Change): void {
    this.changes.push(change);
    this.#wake();
  }

  onGap(): void {
    this.gaps += 1;
    this.#wake();
  }

  /** Resolves as soon as what was heard meets the condition; the test's time limit ends a wait in vain. */
  until(met: () => boolean): Promise<void> {
    if (met()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ met, resolve }));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ met }) => !met());
    for (const { met, resolve } of waiting) if (met()) resolve();
  }
}
