import fc from 'fast-check';

/** A code point of Unicode that can stand alone: half a surrogate pair cannot. */
const codePoint = fc
  .oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((point) => String.fromCodePoint(point));

/**
 * Any text, controls and all. fast-check's own unit `binary` would do, but it first makes a table of every code point:
 * more than a second of processor time in each process that asks for it.
 */
export function anyText(bounds: { readonly minLength?: number } = {}): fc.Arbitrary<string> {
  return fc.string({ ...bounds, unit: codePoint });
}
