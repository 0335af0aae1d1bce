import { type Address, type AddressRange, compareAddresses, parseRange } from './address.ts';

/**
 * A set of addresses, compiled once and asked on every request: for each family a table of disjoint ranges in
 * ascending order, searched by halving.
 */
export interface AddressSet {
  has(address: Address): boolean;
}

/**
 * Compiles the entries of a zone's list or of `trustedProxies` (see `parseRange` for their forms).
 * An IPv6 entry never holds an IPv4 address, not even `::/0`: an IPv4-mapped address is IPv4.
 * @throws Error that names the first bad entry and says what would be right
 */
export function compileAddressSet(entries: readonly string[]): AddressSet {
  const ranges = entries.map(parseRange);
  const ipv4 = new RangeTable(
    1,
    ranges.filter((range) => range.first.family === 4),
  );
  const ipv6 = new RangeTable(
    4,
    ranges.filter((range) => range.first.family === 6),
  );
  return { has: (address) => (address.family === 4 ? ipv4 : ipv6).has(address.words) };
}

/** Ranges of one family, as flat arrays of 32-bit words so that a search touches little memory. */
class RangeTable {
  /** Words of an address. */
  readonly #width: number;
  readonly #size: number;
  readonly #firsts: Uint32Array;
  readonly #lasts: Uint32Array;

  constructor(width: number, ranges: readonly AddressRange[]) {
    const disjoint = merge(ranges);
    this.#width = width;
    this.#size = disjoint.length;
    this.#firsts = Uint32Array.from(disjoint.flatMap((range) => range.first.words));
    this.#lasts = Uint32Array.from(disjoint.flatMap((range) => range.last.words));
  }

  has(words: readonly number[]): boolean {
    // Invariant: ranges before `low` begin at or before the address, ranges from `high` on begin after it.
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(words, this.#firsts, middle) < 0) high = middle;
      else low = middle + 1;
    }
    return low > 0 && this.#compare(words, this.#lasts, low - 1) <= 0;
  }

  #compare(words: readonly number[], table: Uint32Array, row: number): number {
    const offset = row * this.#width;
    for (let i = 0; i < this.#width; i++) {
      const difference = (words[i] ?? 0) - (table[offset + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** The same addresses in disjoint ranges, ascending. */
function merge(ranges: readonly AddressRange[]): AddressRange[] {
  const merged: AddressRange[] = [];
  for (const range of ranges.toSorted((a, b) => compareAddresses(a.first, b.first))) {
    const before = merged.at(-1);
    if (before === undefined || compareAddresses(range.first, before.last) > 0) {
      merged.push(range);
    } else if (compareAddresses(range.last, before.last) > 0) {
      merged[merged.length - 1] = { first: before.first, last: range.last };
    }
  }
  return merged;
}
