import type { Page } from '../domain/store.ts';

/**
 * A page of at most `limit`, from one item more than that where there are more. The cursor is the last item's id,
 * so a page never depends on whether that item is still there.
 */
export function pageOf<T>(items: readonly T[], limit: number, idOf: (item: T) => string): Page<T> {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  return { items: shown, next: items.length > limit && last !== undefined ? idOf(last) : null };
}
