/** Something that serves requests, with the number it is serving now. */
export interface Busy {
  readonly busy: number;
}

/**
 * The less busy of two drawn at random ("power of two choices"): nearly as even as looking at all of them, and it
 * never sends everybody to the same one at once, as picking the least busy of all would.
 * @param random a number from 0 up to, not including, 1
 * @returns undefined when there are none
 */
export function lessBusyOfTwo<T extends Busy>(targets: readonly T[], random: () => number): T | undefined {
  if (targets.length < 2) return targets[0];
  const first = Math.floor(random() * targets.length);
  // Drawn among the others, so that it is never the first again.
  const step = 1 + Math.floor(random() * (targets.length - 1));
  const one = targets[first];
  const other = targets[(first + step) % targets.length];
  if (one === undefined || other === undefined) return one;
  return other.busy < one.busy ? other : one;
}
