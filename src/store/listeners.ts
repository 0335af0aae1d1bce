import type { Change, ChangeListener } from '../domain/store.ts';

/** Those who want to hear of changes in this process. */
export class Listeners {
  readonly #listeners = new Set<ChangeListener>();

  /** @returns what ends it */
  add(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  get none(): boolean {
    return this.#listeners.size === 0;
  }

  /** @param lag for how long at the most the changes have been written, in milliseconds; null where that is not known */
  changed(changes: readonly Change[], lag: () => number | null = () => null): void {
    for (const listener of this.#listeners) {
      for (const change of changes) listener.onChange(change);
      const lagMs = lag();
      if (lagMs !== null) listener.onLag?.(lagMs);
    }
  }

  gap(): void {
    for (const listener of this.#listeners) listener.onGap();
  }

  vouched(askedAt: number): void {
    for (const listener of this.#listeners) listener.onVouched?.(askedAt);
  }
}
