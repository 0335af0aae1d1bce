import { hash, randomBytes } from 'node:crypto';
import { networkOf } from '../../domain/address.ts';
import { readChain } from '../../domain/address-chain.ts';
import { type AddressSet, compileAddressSet } from '../../domain/address-set.ts';
import type { Clock } from '../../kernel/clock.ts';
import { TurnoverMap } from '../../kernel/turnover.ts';

/** From where a request comes, as the connection and its headers say. */
export interface Whence {
  /** The address of the peer of the connection. */
  readonly peer: string;
  /** All `X-Forwarded-For` values joined with commas in their order, or null. */
  readonly forwardedFor: string | null;
}

export interface FailureLimitOptions {
  /** Failed authentications of one address in a window. */
  readonly max: number;
  readonly windowSeconds: number;
}

/** A look-up is over. To be called once. @param failed whether there is no such token */
export type EndLookUp = (failed: boolean) => void;

const UNCOUNTED: EndLookUp = () => {};
const NOBODY = compileAddressSet([]);
/** Each address is counted in one counter of each row. */
const ROWS = 4;
/** Counters in a row: a power of two, so that two bytes of a hash choose one. */
const COUNTERS = 16_384;
/** Look-ups that may be under way for one address, in multiples of `max`: until they are answered nobody knows that they fail. */
const UNDER_WAY = 10;
/** An address of which only too much is under way may come back after so many seconds. */
const SOON_SECONDS = 1;

/**
 * Counts failed authentications by the caller's address, IPv6 by the /64 that a line usually has, in windows that
 * open at the first failure. Memory is fixed (256 KiB), and nothing is ever evicted, so no flood from many addresses
 * makes it forget one: an address has a counter in each of four rows, chosen by a hash with a key of this process,
 * and its count is the least of the four. That is never less than what it failed, and more only for an address all of
 * whose counters are shared with others that fail (docs/threats.md).
 */
export class FailureLimit {
  readonly #clock: Clock;
  /** Infinite where nothing is bounded. */
  #max = Number.POSITIVE_INFINITY;
  #windowMs = 0;
  #trustedProxies: AddressSet = NOBODY;
  /** So that nobody can choose addresses that share counters with another's. */
  readonly #key = randomBytes(16).toString('hex');
  readonly #counters = new Uint32Array(ROWS * COUNTERS);
  /** Look-ups that are under way, by network. */
  readonly #underWay = new TurnoverMap<string, number>();
  /** When the window ends, in monotonic milliseconds. */
  #endsAt = Number.NEGATIVE_INFINITY;
  /** Who was asked about last: whoever fails mostly fails again. */
  #lastFrom: Whence = { peer: '', forwardedFor: null };
  #lastNetwork: string | null = null;
  /** Whose counters `#places` are. */
  #placed = '';
  readonly #places = new Uint32Array(ROWS);

  /** Bounds nothing until it is told by what to go. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Goes by these settings from now on; what was counted stays.
   * @param options null for no bound
   * @param trustedProxies the deployment's own proxies, which say who the caller is
   */
  goBy(options: FailureLimitOptions | null, trustedProxies: AddressSet): void {
    this.#max = options?.max ?? Number.POSITIVE_INFINITY;
    this.#windowMs = (options?.windowSeconds ?? 0) * 1000;
    this.#trustedProxies = trustedProxies;
    this.#lastNetwork = null;
  }

  get #isBounded(): boolean {
    return this.#max !== Number.POSITIVE_INFINITY;
  }

  /** Counts a failure that cost no look-up. @returns false when the address had failed too often before */
  failed(from: Whence): boolean {
    return !this.#isBounded || this.#count(this.#networkOf(from));
  }

  /** A look-up of an unknown secret begins. @returns what to call when it is over; null when it must not be */
  beginLookUp(from: Whence): EndLookUp | null {
    if (!this.#isBounded) return UNCOUNTED;
    const network = this.#networkOf(from);
    const underWay = this.#underWay.get(network) ?? 0;
    if (underWay >= this.#max * UNDER_WAY || this.#counted(network) >= this.#max) return null;
    this.#underWay.set(network, underWay + 1);
    // Of the network that it began for, whatever settings hold by then.
    return (failed) => this.#lookedUp(network, failed);
  }

  #lookedUp(network: string, failed: boolean): void {
    const underWay = (this.#underWay.get(network) ?? 1) - 1;
    if (underWay === 0) this.#underWay.delete(network);
    else this.#underWay.set(network, underWay);
    if (failed && this.#isBounded) this.#count(network);
  }

  /** When an address that was refused may come back, in whole seconds from now. */
  retryAfterSeconds(from: Whence): number {
    if (this.#counted(this.#networkOf(from)) < this.#max) return SOON_SECONDS;
    return Math.max(SOON_SECONDS, Math.ceil((this.#endsAt - this.#clock.monotonic()) / 1000));
  }

  #networkOf({ peer, forwardedFor }: Whence): string {
    const { peer: lastPeer, forwardedFor: lastForwardedFor } = this.#lastFrom;
    if (this.#lastNetwork !== null && peer === lastPeer && forwardedFor === lastForwardedFor) {
      return this.#lastNetwork;
    }
    const hop = readChain(peer, forwardedFor, this.#trustedProxies).hop(0);
    // Who cannot be told apart is one caller.
    const network = hop === null || hop === 'unreadable' ? 'unreadable' : networkOf(hop);
    this.#lastFrom = { peer, forwardedFor };
    this.#lastNetwork = network;
    return network;
  }

  #counted(network: string): number {
    if (this.#clock.monotonic() >= this.#endsAt) return 0;
    this.#place(network);
    return this.#least();
  }

  /** @returns false when it was at its maximum before */
  #count(network: string): boolean {
    const now = this.#clock.monotonic();
    if (now >= this.#endsAt) {
      this.#counters.fill(0);
      this.#endsAt = now + this.#windowMs;
    }
    this.#place(network);
    const least = this.#least();
    if (least >= this.#max) return false;
    // A counter that others have raised further need not go up: the least of the four is what counts.
    for (const place of this.#places) {
      if (this.#counters[place] === least) this.#counters[place] = least + 1;
    }
    return true;
  }

  /** The least of the counters at `#places`. */
  #least(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const place of this.#places) least = Math.min(least, this.#counters[place] ?? 0);
    return least;
  }

  /** Finds the counters of a network. */
  #place(network: string): void {
    if (network === this.#placed) return;
    const digest = hash('sha256', `${this.#key} ${network}`, 'buffer');
    for (let row = 0; row < ROWS; row++) {
      this.#places[row] = row * COUNTERS + (digest.readUInt16LE(row * 2) % COUNTERS);
    }
    this.#placed = network;
  }
}
