/**
 * A second reading of addresses, plain and slow, that the compiled one is held against: an address is a family
 * and a number, an entry of a zone is a text and a predicate. Shares no code with src.
 */
import fc from 'fast-check';

/** One address as a number. */
export interface Point {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** An entry of a zone's list, and which points it holds. */
export interface Entry {
  readonly text: string;
  holds(point: Point): boolean;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Dotted decimal, or eight groups with nothing left out. */
export function spellOut({ family, value }: Point): string {
  const [count, bits, base] = family === 4 ? [4, 8n, 10] : [8, 16n, 16];
  const parts = Array.from({ length: count }, (_, i) => {
    const part = (value >> (bits * BigInt(count - 1 - i))) & ((1n << bits) - 1n);
    return part.toString(base);
  });
  return parts.join(family === 4 ? '.' : ':');
}

/** The same point in one of the ways that programs write it. */
export function spellings(point: Point): string[] {
  const plain = spellOut(point);
  if (point.family === 4) {
    const high = (point.value >> 16n).toString(16);
    const low = (point.value & 0xffffn).toString(16);
    return [plain, `::ffff:${plain}`, `::FFFF:${high}:${low}`, `0:0:0:0:0:ffff:${high}:${low}`];
  }
  const padded = plain
    .split(':')
    .map((group) => group.padStart(4, '0'))
    .join(':');
  const dottedEnd = spellOut({ family: 4, value: point.value & 0xffffffffn });
  const withDottedEnd = `${plain.split(':').slice(0, 6).join(':')}:${dottedEnd}`;
  return [plain, padded, plain.toUpperCase(), shortest(plain), withDottedEnd];
}

/** The canonical text as another program writes it: URL hosts follow RFC 5952 in what matters here. */
export function shortest(ipv6: string): string {
  return new URL(`http://[${ipv6}]/`).hostname.slice(1, -1);
}

// Around these numbers lie the edges of octets, of 32-bit words, of signed integers, and of each family.
const PLACES: Record<4 | 6, readonly bigint[]> = {
  4: [0n, 0x0a00_0000n, 0x0aff_fff0n, 0x7fff_fff0n, 0x8000_0000n, 0xffff_fff0n],
  6: [
    0n,
    (1n << 32n) - 8n,
    (1n << 64n) - 8n,
    (1n << 96n) - 8n,
    (1n << 127n) - 8n,
    0x20010db8n << 96n,
    (1n << 128n) - 16n,
  ],
};

const family = fc.constantFrom<4 | 6>(4, 6);

function pointOf(of: 4 | 6): fc.Arbitrary<Point> {
  return fc
    .tuple(fc.constantFrom(...PLACES[of]), fc.bigInt(0n, 15n))
    .map(([place, offset]) => ({ family: of, value: place + offset }));
}

/** Points that crowd around the same few edges, so that they meet entries and each other often. */
export const anyPoint: fc.Arbitrary<Point> = family.chain(pointOf);

/** A point in any of its spellings. */
export const anySpelling: fc.Arbitrary<{ point: Point; text: string }> = anyPoint.chain((point) =>
  fc.constantFrom(...spellings(point)).map((text) => ({ point, text })),
);

function between(of: 4 | 6, first: bigint, last: bigint): Entry['holds'] {
  return ({ family, value }) => family === of && first <= value && value <= last;
}

const single: fc.Arbitrary<Entry> = anySpelling.map(({ point, text }) => ({
  text,
  holds: between(point.family, point.value, point.value),
}));

const span: fc.Arbitrary<Entry> = family
  .chain((of) => fc.tuple(pointOf(of), pointOf(of)))
  .map(([a, b]) => (a.value <= b.value ? ([a, b] as const) : ([b, a] as const)))
  .chain(([first, last]) =>
    fc.tuple(fc.constantFrom(...spellings(first)), fc.constantFrom(...spellings(last))).map(([from, to]) => ({
      text: `${from}-${to}`,
      holds: between(first.family, first.value, last.value),
    })),
  );

// Mostly small networks: large ones hold everything and prove nothing.
const network: fc.Arbitrary<Entry> = anySpelling.chain(({ point, text }) =>
  fc
    .oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: BITS[point.family] }))
    .map((hostBits) => {
      const counted = point.family === 4 && text.includes(':') ? 128 : BITS[point.family];
      const shift = BigInt(hostBits);
      return {
        text: `${text}/${counted - hostBits}`,
        holds: ({ family, value }: Point) =>
          family === point.family && value >> shift === point.value >> shift,
      };
    }),
);

export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(single, span, network);
