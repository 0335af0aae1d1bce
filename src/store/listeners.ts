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

  changed(changes: readonly Change[]): void {
    for (const listener of this.#listeners) {
      for (const change of changes) listener.onChange(change);
    }
  }

  gap(): void {
    for (const listener of this.#listeners) listener.onGap();
  }
}
