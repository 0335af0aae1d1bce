/**
 * The way of a request, in order:
 *
 *     listen → resolve → zone → limit → forward → account
 *
 * A transport does `listen`: it judges the head and hands over an exchange. The gate does `resolve`, `zone` and
 * `limit`, and answers with a permit or a rejection, at once when all that it needs is in memory. The exchange
 * then forwards or refuses, and whatever the end was, `account` hears of it and is never awaited.
 */
import type { Slot } from '../domain/slot-ledger.ts';
import { TurnoverMap, TurnoverSet } from '../kernel/turnover.ts';
import { type Arrival, type Decision, reject } from './decision.ts';
import type { Exchange, Outcome } from './exchange.ts';
import type { Gate } from './gate.ts';

/** Hears how every exchange ended. Must not wait; what it throws is a bug, and ends nothing. */
export type Account = (outcome: Outcome) => void;

/** Hears of exceptions, which are bugs: expected refusals are values. */
export type OnBug = (error: unknown, requestId: string | null) => void;

export class Pipeline {
  readonly #gate: Gate;
  readonly #account: Account;
  readonly #onBug: OnBug;
  #underway = 0;
  /** The slots of exchanges that go to an endpoint with a maximum of them. */
  readonly #slots = new TurnoverMap<Arrival, Slot>();
  /** Exchanges whose decision waits for the store. One that settles first, as its client has gone, is not among them. */
  readonly #deciding = new TurnoverSet<Arrival>();
  #onIdle: (() => void)[] = [];

  constructor(gate: Gate, account: Account, onBug: OnBug) {
    this.#gate = gate;
    this.#account = account;
    this.#onBug = onBug;
  }

  /** Decides one exchange, and lets it go on or refuses it. A cache hit makes no promise. */
  enter(exchange: Exchange): void {
    this.#underway += 1;
    let decision: Decision | Promise<Decision>;
    try {
      decision = this.#gate(exchange.arrival);
    } catch (bug) {
      this.#refuseForBug(exchange, bug);
      return;
    }
    if (decision instanceof Promise) {
      this.#deciding.add(exchange.arrival);
      decision.then(
        (late) => this.#proceedLate(exchange, late),
        (bug: unknown) => {
          this.#deciding.delete(exchange.arrival);
          this.#refuseForBug(exchange, bug);
        },
      );
    } else {
      this.#proceed(exchange, decision);
    }
  }

  /** The last stop of every exchange, good or bad; a transport calls it exactly once for each. */
  settled(outcome: Outcome): void {
    const { arrival } = outcome;
    if (arrival !== null && this.#deciding.size > 0) this.#deciding.delete(arrival);
    if (arrival !== null && this.#slots.size > 0) this.#releaseSlot(arrival);
    try {
      this.#account(outcome);
    } catch (bug) {
      this.#onBug(bug, outcome.requestId);
    }
    // What was refused unread has never entered.
    if (arrival === null) return;
    this.#underway -= 1;
    if (this.#underway === 0) for (const tell of this.#onIdle.splice(0)) tell();
  }

  /** Exchanges that have entered and not settled. */
  get underway(): number {
    return this.#underway;
  }

  /** Fulfilled when nothing is under way; for a pipeline that nothing enters any more. */
  idle(): Promise<void> {
    if (this.#underway === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #proceedLate(exchange: Exchange, decision: Decision): void {
    const isOpen = this.#deciding.delete(exchange.arrival);
    if (isOpen) this.#proceed(exchange, decision);
    else if (decision.kind === 'permit') decision.slot?.release();
  }

  #proceed(exchange: Exchange, decision: Decision): void {
    if (decision.kind === 'permit') {
      if (decision.slot !== null) this.#slots.set(exchange.arrival, decision.slot);
      exchange.forward(decision);
    } else exchange.refuse(decision);
  }

  #releaseSlot(arrival: Arrival): void {
    this.#slots.get(arrival)?.release();
    this.#slots.delete(arrival);
  }

  #refuseForBug(exchange: Exchange, bug: unknown): void {
    this.#onBug(bug, exchange.arrival.requestId);
    exchange.refuse(reject('gateway.bug'));
  }
}
