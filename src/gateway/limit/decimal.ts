/** The last three digits of a number that has more. */
const LAST = Array.from({ length: 1_000 }, (_, count) => String(count).padStart(3, '0'));

/**
 * The decimal digits of a count that is seldom the same twice. V8 keeps the text of a number that it has written, in a
 * table of old objects with thousands of places, so that each text would become an old object too
 * (docs/adr/0044-what-becomes-old.md). Of all thousands there are few.
 * @param count a whole number, not negative
 */
export function decimal(count: number): string {
  if (count < 1_000) return String(count);
  const thousands = Math.floor(count / 1_000);
  return String(thousands) + LAST[count - thousands * 1_000];
}
