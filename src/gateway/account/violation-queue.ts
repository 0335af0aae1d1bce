import type { EventSink, Report } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Arrival, Permit, Rejection } from '../decision.ts';
import { PeriodicFlush } from './periodic-flush.ts';
import { Told } from './told.ts';
import {
  blockedEvent,
  crowdedEndpointEvent,
  crowdedTokenEvent,
  endpointEvent,
  outsideEvent,
  shareEvent,
} from './violations.ts';

export interface ViolationQueueOptions {
  /** How often what was noted is written, in milliseconds. */
  readonly flushEvery: number;
  /** How many events may wait to be written. */
  readonly size: number;
}

/** How many events go to the store in one call. */
const BATCH = 100;

/** A token that is used from where it may not be, and a blocklist that keeps callers out, is told of once in this time, in milliseconds. */
const OUTSIDE_EVERY_MS = 60_000;

/** A maximum of requests under way that refused is told of once in this time, as with Okta (docs/okta.md §5); in milliseconds. */
const CROWDED_EVERY_MS = 60_000;

/**
 * Denials outside the allowed zones and by blocklists, and spent shares, off the hot path: each is told once for a token and window,
 * here by what was told before, and among gateways by the store. A store that is away delays the writes; what no
 * longer fits is dropped and counted.
 */
export class ViolationQueue {
  readonly #sink: EventSink;
  readonly #clock: Clock;
  readonly #options: ViolationQueueOptions;
  /** Tokens that were used from outside. */
  readonly #outside = new Told();
  /** Blocklists that kept somebody out. */
  readonly #blocked = new Told();
  /** Tokens that spent their share, by endpoint. */
  readonly #shares = new Map<string, Told>();
  /** Tokens that have nearly spent their share, by endpoint, and endpoints that are nearly spent. */
  readonly #warnedShares = new Map<string, Told>();
  readonly #warnedEndpoints = new Told();
  /** Endpoints that are spent. */
  readonly #endpoints = new Told();
  /** Maxima of requests under way that refused. */
  readonly #crowded = new Told();
  #waiting: Report[] = [];
  #dropped = 0;
  readonly #flushing: PeriodicFlush;

  constructor(sink: EventSink, clock: Clock, options: ViolationQueueOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#options = options;
    const { flushEvery } = options;
    this.#flushing = new PeriodicFlush(
      clock,
      flushEvery,
      () => this.#waits(),
      () => this.#write(),
    );
  }

  /** How many events wait to be written. */
  get depth(): number {
    return this.#waiting.length;
  }

  /** How many events were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Of how much is remembered that it was told; it is forgotten when its time is over. */
  get remembered(): number {
    let sum = 0;
    for (const told of this.#allTold()) sum += told.size;
    return sum;
  }

  /** Notes a refusal, if it is one that is told and was not told yet. */
  note(arrival: Arrival, rejection: Rejection): void {
    switch (rejection.code) {
      case 'zone.blocked':
        this.#noteBlocked(arrival, rejection);
        break;
      case 'zone.outside':
      case 'zone.undecidable':
        this.#noteOutside(arrival, rejection);
        break;
      case 'limit.token':
        this.#noteShare(arrival, rejection);
        break;
      case 'limit.endpoint':
        this.#noteEndpoint(arrival, rejection);
        break;
      case 'limit.concurrent-token':
      case 'limit.concurrent-endpoint':
        this.#noteCrowded(arrival, rejection);
        break;
    }
  }

  /** Notes a request that passed, if the budget that binds first is spent to so many percent and that was not told yet. */
  noteSpent(arrival: Arrival, { credential, client, endpoint, spent }: Permit, percent: number): void {
    if (spent === null || (spent.limit - spent.remaining) * 100 < spent.limit * percent) return;
    const { name, windowSeconds } = endpoint;
    const now = this.#clock.now();
    const ofToken = spent.scope === 'token';
    const told = ofToken ? toldAt(this.#warnedShares, name) : this.#warnedEndpoints;
    if (!told.first(ofToken ? credential.token.id : name, now, spent.resetAt)) return;
    const where = { client, endpoint: name, windowSeconds };
    const make = ofToken ? shareEvent : endpointEvent;
    const event = make(arrival, where, credential, spent, now, percent);
    const key = ofToken ? `share warning ${credential.token.id} ${name}` : `endpoint warning ${name}`;
    this.#enqueue({ event, key, until: spent.resetAt });
  }

  /** Writes all that waits. Rejects with StoreAway when the store does not take it; it then waits on. */
  flush(): Promise<void> {
    return this.#flushing.flush();
  }

  /** Writes what is left, and no more after that. */
  close(): Promise<void> {
    return this.#flushing.close();
  }

  #noteOutside(arrival: Arrival, rejection: Rejection): void {
    const { credential } = rejection;
    if (credential === null) return;
    const now = this.#clock.now();
    const until = now + OUTSIDE_EVERY_MS;
    if (!this.#outside.first(credential.token.id, now, until)) return;
    const key = `outside ${credential.token.id}`;
    this.#enqueue({ event: outsideEvent(arrival, rejection, credential, now), key, until });
  }

  #noteBlocked(arrival: Arrival, rejection: Rejection): void {
    const zone = rejection.blockedBy;
    if (zone === null) return;
    const now = this.#clock.now();
    const until = now + OUTSIDE_EVERY_MS;
    if (!this.#blocked.first(zone.id, now, until)) return;
    const event = blockedEvent(arrival, rejection, zone, now);
    this.#enqueue({ event, key: `blocked ${zone.id}`, until });
  }

  #noteShare(arrival: Arrival, rejection: Rejection): void {
    const { credential, endpoint, spent } = rejection;
    if (credential === null || endpoint === null || spent === null) return;
    const now = this.#clock.now();
    if (!toldAt(this.#shares, endpoint).first(credential.token.id, now, spent.resetAt)) return;
    const key = `share ${credential.token.id} ${endpoint}`;
    const event = shareEvent(arrival, rejection, credential, spent, now);
    this.#enqueue({ event, key, until: spent.resetAt });
  }

  #noteEndpoint(arrival: Arrival, rejection: Rejection): void {
    const { credential, endpoint, spent } = rejection;
    if (credential === null || endpoint === null || spent === null) return;
    const now = this.#clock.now();
    if (!this.#endpoints.first(endpoint, now, spent.resetAt)) return;
    const event = endpointEvent(arrival, rejection, credential, spent, now);
    this.#enqueue({ event, key: `endpoint ${endpoint}`, until: spent.resetAt });
  }

  #noteCrowded(arrival: Arrival, rejection: Rejection): void {
    const { credential, endpoint, crowded } = rejection;
    if (credential === null || endpoint === null || crowded === null) return;
    const now = this.#clock.now();
    const until = now + CROWDED_EVERY_MS;
    const ofToken = crowded.scope === 'token';
    const key = ofToken ? `crowded ${credential.token.id} ${endpoint}` : `crowded ${endpoint}`;
    if (!this.#crowded.first(key, now, until)) return;
    const eventOf = ofToken ? crowdedTokenEvent : crowdedEndpointEvent;
    this.#enqueue({ event: eventOf(arrival, rejection, credential, crowded, now), key, until });
  }

  #enqueue(report: Report): void {
    if (this.#waiting.length >= this.#options.size) this.#dropped++;
    else this.#waiting.push(report);
  }

  /** Forgets what is told no longer. */
  #waits(): boolean {
    const now = this.#clock.now();
    for (const told of this.#allTold()) told.sweep(now);
    return this.#waiting.length > 0;
  }

  *#allTold(): Generator<Told> {
    yield* [this.#outside, this.#blocked, this.#endpoints, this.#warnedEndpoints, this.#crowded];
    yield* this.#shares.values();
    yield* this.#warnedShares.values();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH);
      await this.#sink.report(batch);
      this.#waiting = this.#waiting.slice(batch.length);
    }
  }
}

/** What was told at one endpoint. */
function toldAt(byEndpoint: Map<string, Told>, endpoint: string): Told {
  let told = byEndpoint.get(endpoint);
  if (told === undefined) {
    told = new Told();
    byEndpoint.set(endpoint, told);
  }
  return told;
}
