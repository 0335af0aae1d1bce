import { StoreAway } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';

/** Where a server stands in its history of commits. */
export interface Standing {
  /** Names the history: the replication ID of the server, another one after each failover. */
  readonly history: string;
  /** How many commits there were. */
  readonly version: number;
}

/** Told what follows from what was heard and asked. */
export interface VouchingEvents {
  /** Everything that was committed until `askedAt` (monotonic milliseconds) has been heard. */
  vouched(askedAt: number): void;
  /** Something was committed unheard, or commits that were heard are lost. */
  gap(): void;
  /** Announcements come from another history than answers: the subscription must be made anew. */
  elsewhere(): void;
}

/** A version that was ahead of what had been heard: its announcement may be under way. */
interface Awaited {
  readonly version: number;
  readonly askedAt: number;
}

/**
 * Compares what was heard on the subscription with what the store says it has committed. Announcements are numbered
 * without a hole, so one question tells of all of them whether they arrived
 * (docs/adr/0020-freshness-by-version.md).
 */
export class Vouching {
  readonly #clock: Clock;
  readonly #ask: () => Promise<Standing>;
  readonly #events: VouchingEvents;
  /** Until where everything was heard since the subscription stands; null where that is not known. */
  #heard: Standing | null = null;
  #awaited: Awaited | null = null;
  /** Counts subscriptions; null while none stands. What was asked during one says nothing of the next. */
  #subscription: number | null = null;
  #subscriptions = 0;
  #asking = false;

  /** @param ask rejects with StoreAway */
  constructor(clock: Clock, ask: () => Promise<Standing>, events: VouchingEvents) {
    this.#clock = clock;
    this.#ask = ask;
    this.#events = events;
  }

  /** A subscription stands. @param from where its server stood just before; null where it did not say */
  began(from: Standing | null): void {
    this.#subscriptions += 1;
    this.#subscription = this.#subscriptions;
    this.#heard = from;
    this.#awaited = null;
  }

  /** The subscription is lost. */
  ended(): void {
    this.#subscription = null;
  }

  /** A commit was announced, and has been acted on. */
  announced(version: number): void {
    const heard = this.#heard;
    // What comes late, after it was given up, is in the version from which was counted then.
    if (this.#subscription === null || heard === null || version <= heard.version) return;
    this.#heard = { history: heard.history, version };
    const awaited = this.#awaited;
    if (awaited !== null && version >= awaited.version) this.#awaited = null;
    if (version > heard.version + 1) this.#events.gap();
    else if (awaited?.version === version) this.#events.vouched(awaited.askedAt);
  }

  /** Asks the store where it stands, unless it is being asked. */
  async check(): Promise<void> {
    const subscription = this.#subscription;
    if (subscription === null || this.#asking) return;
    const before = this.#heard?.version ?? 0;
    const askedAt = this.#clock.monotonic();
    this.#asking = true;
    try {
      const found = await this.#ask();
      if (subscription === this.#subscription) this.#compare(found, before, askedAt);
    } catch (error) {
      // Nothing is vouched for: what was read gets old.
      if (!(error instanceof StoreAway)) throw error;
    } finally {
      this.#asking = false;
    }
  }

  /** @param before the version that had been heard when the question was sent */
  #compare(found: Standing, before: number, askedAt: number): void {
    const heard = this.#heard;
    if (heard === null || heard.history !== found.history) {
      this.#events.elsewhere();
    } else if (found.version === heard.version) {
      this.#events.vouched(askedAt);
    } else if (found.version > heard.version && this.#awaited === null) {
      this.#awaited = { version: found.version, askedAt };
    } else if (found.version > heard.version || found.version < before) {
      this.#heard = found;
      this.#awaited = null;
      this.#events.gap();
    }
    // Else the answer was overtaken by announcements: the next one will tell.
  }
}
