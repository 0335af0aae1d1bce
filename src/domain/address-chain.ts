import { type Address, formatAddress, parseAddress } from './address.ts';
import type { AddressSet } from './address-set.ts';

/** One hop of the chain: its address, or `unreadable` when what stands there is not one plain address. */
export type Hop = Address | 'unreadable';

// More trusted proxies in a row than any deployment has: beyond this the chain says nothing.
const MAX_PEELED = 32;
// The longest text that can be an address: IPv6 with a dotted decimal end.
const MAX_ADDRESS_LENGTH = 45;
// Each process sees few peers at a time; they come again with every request of a connection.
const MAX_REMEMBERED_PEERS = 4096;

/**
 * From where a request came, nearest hop first: what is left of `X-Forwarded-For` and the peer when the
 * deployment's own proxies are taken off (docs/adr/0003). Hops are read only as far as somebody asks.
 */
export class AddressChain {
  /** The nearest hop in canonical text, or `unknown` when it is unreadable. The rest of the chain is its claim. */
  readonly client: string;
  readonly #hops: Hop[];
  readonly #forwardedFor: string;
  /** Where the part of `#forwardedFor` that is still to be read ends; -1 when none is left. */
  #unread: number;

  constructor(nearest: Hop, forwardedFor: string, unread: number) {
    this.client = nearest === 'unreadable' ? 'unknown' : formatAddress(nearest);
    this.#hops = [nearest];
    this.#forwardedFor = forwardedFor;
    this.#unread = unread;
  }

  /** The hop that stands `distance` hops behind the nearest (0); null beyond the end of the chain. */
  hop(distance: number): Hop | null {
    while (this.#hops.length <= distance && this.#unread >= 0) {
      const start = entryStart(this.#forwardedFor, this.#unread);
      this.#hops.push(readEntry(this.#forwardedFor, start, this.#unread));
      this.#unread = start - 1;
    }
    return this.#hops[distance] ?? null;
  }
}

/**
 * Reads a request's address chain. Trusted proxies are taken off from the near end while there is a hop behind
 * them; an unreadable hop ends that and stays.
 * @param peer the address of the connection's other end
 * @param forwardedFor every value of `X-Forwarded-For` joined with commas, or null
 * @param trusted the deployment's own proxies (`zone.trustedProxies`)
 */
export function readChain(peer: string, forwardedFor: string | null, trusted: AddressSet): AddressChain {
  const alone = chainOfPeer(peer);
  if (forwardedFor === null) return alone;
  let hop = alone.hop(0) ?? 'unreadable';
  let unread = forwardedFor.length;
  for (let peeled = 0; unread >= 0 && hop !== 'unreadable' && trusted.has(hop); peeled++) {
    if (peeled === MAX_PEELED) return new AddressChain('unreadable', '', -1);
    const start = entryStart(forwardedFor, unread);
    hop = readEntry(forwardedFor, start, unread);
    unread = start - 1;
  }
  return new AddressChain(hop, forwardedFor, unread);
}

const remembered = new Map<string, AddressChain>();

function chainOfPeer(peer: string): AddressChain {
  const known = remembered.get(peer);
  if (known !== undefined) return known;
  const chain = new AddressChain(parseAddress(peer) ?? 'unreadable', '', -1);
  if (remembered.size >= MAX_REMEMBERED_PEERS) remembered.clear();
  remembered.set(peer, chain);
  return chain;
}

/** Where the entry begins that ends before `end`. */
function entryStart(text: string, end: number): number {
  // lastIndexOf takes a negative position for 0, where the comma just passed may stand.
  return end === 0 ? 0 : text.lastIndexOf(',', end - 1) + 1;
}

function readEntry(text: string, start: number, end: number): Hop {
  let first = start;
  let last = end;
  while (first < last && isSpace(text.charCodeAt(first))) first++;
  while (last > first && isSpace(text.charCodeAt(last - 1))) last--;
  if (last - first > MAX_ADDRESS_LENGTH) return 'unreadable';
  return parseAddress(text.slice(first, last)) ?? 'unreadable';
}

// Optional white space of RFC 9110 §5.6.3, and nothing else: no-break spaces are part of a bad entry.
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
