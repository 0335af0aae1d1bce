import type { Change, ChangeListener } from '../../src/domain/store.ts';

/** Lets a test wait for something to have happened, as often as it is told that something did. */
export class Waiters {
  #waiting: { readonly met: () => boolean; readonly resolve: () => void }[] = [];

  /** Resolves as soon as the condition holds; the test's time limit ends a wait in vain. */
  until(met: () => boolean): Promise<void> {
    if (met()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ met, resolve }));
  }

  happened(): void {
    const done = this.#waiting.filter(({ met }) => met());
    this.#waiting = this.#waiting.filter((each) => !done.includes(each));
    for (const { resolve } of done) resolve();
  }
}

/** A listener that remembers what it heard, and can be waited for. */
export class Ear implements ChangeListener {
  readonly changes: Change[] = [];
  gaps = 0;
  /** When the store was asked of which all changes were told. */
  readonly vouchedAt: number[] = [];
  readonly #waiters = new Waiters();

  onChange(change: Change): void {
    this.changes.push(change);
    this.#waiters.happened();
  }

  onVouched(askedAt: number): void {
    this.vouchedAt.push(askedAt);
    this.#waiters.happened();
  }

  onGap(): void {
    this.gaps += 1;
    this.#waiters.happened();
  }

  until(met: () => boolean): Promise<void> {
    return this.#waiters.until(met);
  }
}
