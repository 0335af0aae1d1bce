import { randomUUID } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { elapsedMs, momentOf } from '../kernel/moment.ts';
import type { ConcurrentEndpoint } from './endpoint.ts';
import { EndpointSlots, type SlotWaiter, type TokenSlots } from './slot-holding.ts';
import { RENEW_EVERY_MS, type SlotSource } from './slot-lease.ts';
import {
  isSlot,
  type Slot,
  type SlotLedger,
  type SlotRefusal,
  type SlotRequest,
  type UnderWay,
} from './slot-ledger.ts';
import { StoreAway } from './store.ts';

/** How often slots that are not needed, and leases that grow old, are looked for, in milliseconds. */
const LOOK_EVERY_MS = 50;
/** After so many looks, what was held ready and not touched in between is given back. */
const LOOKS_UNTIL_IDLE = 10;
/** How long a source that did not answer is left alone by what nobody waits for, in milliseconds. */
const QUIET_MS = 250;
/** How often in a row an answer may come too late to be believed. */
const LATE_ANSWERS = 3;

/**
 * Slots that all gateways share. A gateway takes some at a time from the source, hands them out and takes them back
 * here, and gives back what stays free. What it holds is a lease that it renews: the slots of a gateway that crashed
 * are free again when that has run out, and a gateway that stood still for as long uses none of them any more
 * (docs/limits.md, docs/adr/0013-leased-slots.md).
 */
export class LeasedSlots implements SlotLedger {
  readonly #source: SlotSource;
  readonly #clock: Clock;
  /** This process, among all that share the source. */
  readonly #gateway: string;
  readonly #endpoints = new Map<string, EndpointSlots>();
  readonly #stopLooking: () => void;
  #sequence = 0;
  #looks = 0;

  constructor(source: SlotSource, clock: Clock, gateway: string = randomUUID()) {
    this.#source = source;
    this.#clock = clock;
    this.#gateway = gateway;
    this.#stopLooking = clock.every(LOOK_EVERY_MS, () => this.#look());
  }

  hold(request: SlotRequest): Slot | SlotRefusal | Promise<Slot | SlotRefusal> {
    return this.holdHere(request) ?? this.#wait(request);
  }

  holdHere(request: SlotRequest): Slot | SlotRefusal | null {
    const endpoint = this.#endpointOf(request.endpoint);
    const token = endpoint.underLimitsOf(request);
    const slot = endpoint.take(token, this.#clock);
    if (slot === null) return endpoint.refusal(token, this.#clock);
    if (token.free === 0 && token.ready > 0 && !endpoint.stating) this.#state(endpoint, token.tokenId, 1);
    return slot;
  }

  count({ name }: ConcurrentEndpoint, tokenId: string): Promise<UnderWay> {
    return this.#source.count(name, tokenId);
  }

  async close(): Promise<void> {
    this.#stopLooking();
    const held = [...this.#endpoints.values()].filter(({ statedAt }) => statedAt !== null);
    this.#endpoints.clear();
    // What does not arrive comes back by itself.
    await Promise.all(held.map(({ name, max }) => this.#send(name, max, []).catch(() => {})));
  }

  #endpointOf({ name, concurrent }: ConcurrentEndpoint): EndpointSlots {
    let endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) {
      endpoint = new EndpointSlots(name, concurrent);
      this.#endpoints.set(name, endpoint);
    }
    return endpoint;
  }

  #wait(request: SlotRequest): Promise<Slot | SlotRefusal> {
    const endpoint = this.#endpointOf(request.endpoint);
    return new Promise((answer, fail) => {
      endpoint.waiters.push({ request, answer, fail });
      if (!endpoint.stating) this.#state(endpoint, null, 1);
    });
  }

  /** @param ahead the token for which more is wanted, though nobody waits */
  #state(endpoint: EndpointSlots, ahead: string | null, attempt: number): void {
    const sent = momentOf(this.#clock);
    const { name, max } = endpoint;
    const claims = endpoint.claims(ahead, this.#clock);
    endpoint.stating = true;
    this.#send(name, max, claims)
      .then((grant) => {
        endpoint.stating = false;
        if (grant !== null) endpoint.learn(claims, max, grant, sent, this.#clock);
        this.#settle(endpoint, attempt);
      })
      .catch((error: unknown) => {
        endpoint.stating = false;
        endpoint.quietUntil = this.#clock.monotonic() + QUIET_MS;
        for (const { fail } of endpoint.waiters.splice(0)) fail(error);
      });
  }

  #send(endpoint: string, max: number, claims: Parameters<SlotSource['state']>[0]['claims']) {
    this.#sequence += 1;
    return this.#source.state({ endpoint, max, gateway: this.#gateway, sequence: this.#sequence, claims });
  }

  /** Answers those who wait, as far as the answer goes, and asks again for the others. */
  #settle(endpoint: EndpointSlots, attempt: number): void {
    if (endpoint.waiters.length === 0) return;
    if (!endpoint.isAlive(this.#clock)) {
      // It took so long that the source may have given the slots to others.
      if (attempt === LATE_ANSWERS) throw new StoreAway('Slots are answered when their lease has run out');
      this.#state(endpoint, null, attempt + 1);
      return;
    }
    const waiting = endpoint.waiters;
    endpoint.waiters = [];
    for (const waiter of waiting) this.#answer(endpoint, waiter);
    if (endpoint.waiters.length > 0 && !endpoint.stating) this.#state(endpoint, null, 1);
  }

  /** Judges who waited by the limits that hold now, which may not be those that it came under. */
  #answer(endpoint: EndpointSlots, waiter: SlotWaiter): void {
    const token = endpoint.tokenOf(waiter.request);
    const answer = endpoint.take(token, this.#clock) ?? endpoint.refusal(token, this.#clock);
    // Before others are refused, what stands ready here for the tokens that have enough is theirs.
    if (answer === null || (!isSlot(answer) && endpoint.hasSpare)) endpoint.waiters.push(waiter);
    else waiter.answer(answer);
  }

  /** Gives back what is not needed, and renews the lease on the rest. */
  #look(): void {
    this.#looks += 1;
    const idle = this.#looks % LOOKS_UNTIL_IDLE === 0;
    const now = this.#clock.monotonic();
    for (const endpoint of this.#endpoints.values()) {
      endpoint.forget();
      const { statedAt, stating, quietUntil } = endpoint;
      if (statedAt === null || stating || now < quietUntil) continue;
      if (idle) for (const token of endpoint.tokens.values()) restIfIdle(token);
      if (endpoint.hasSpare || elapsedMs(this.#clock, statedAt) >= RENEW_EVERY_MS)
        this.#state(endpoint, null, 1);
    }
  }
}

function restIfIdle(token: TokenSlots): void {
  if (!token.touched) token.ready = 0;
  token.touched = false;
}
