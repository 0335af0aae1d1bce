import type { Redis } from 'ioredis';
import type { Change } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Listeners } from '../listeners.ts';
import {
  type ConnectionOptions,
  createManagementClient,
  endClient,
  firstAttempt,
  reasonOf,
} from './client.ts';
import { changesChannel } from './commit.ts';
import { BARE_STANDING } from './read-scripts.ts';
import { standingFrom } from './reply.ts';
import { managementKey } from './script.ts';
import { type ServerClock, timeFrom } from './server-clock.ts';
import { type Standing, Vouching } from './vouching.ts';

export interface SubscriptionOptions extends ConnectionOptions {
  /** How often to vouch for what was read, in milliseconds. */
  readonly vouchEveryMs: number;
}

/** How often to ask for a sign of life: a subscription that is silent because it is dead looks like one without news. */
const PING_EVERY_MS = 1_000;

/**
 * The connection on which changes arrive. Redis forgets what it told nobody, so listeners hear of a gap when the
 * subscription is lost, and again once it stands: what was read in between may have changed unheard.
 */
export class Subscription {
  readonly #redis: Redis;
  readonly #channel: string;
  readonly #versionKey: string;
  readonly #listeners: Listeners;
  readonly #serverClock: ServerClock;
  readonly #vouching: Vouching;
  readonly #stopTimers: readonly (() => void)[];
  #subscribing = Promise.resolve();
  #problem: string | null = 'not subscribed yet';

  /** @param ask asks on the connection for commands where the store stands; rejects with StoreAway */
  constructor(
    options: SubscriptionOptions,
    listeners: Listeners,
    clock: Clock,
    serverClock: ServerClock,
    ask: () => Promise<Standing>,
  ) {
    this.#channel = changesChannel(options.prefix);
    this.#versionKey = managementKey(options.prefix, 'version');
    this.#listeners = listeners;
    this.#serverClock = serverClock;
    this.#redis = createManagementClient(options);
    // Why Redis is away is told by the connection for commands.
    this.#redis.on('error', () => {});
    this.#redis.on('close', () => this.#lost());
    this.#redis.on('message', (_, message: string) => this.#heard(message));
    this.#redis.on('ready', () => this.#subscribe());
    this.#vouching = new Vouching(clock, ask, {
      vouched: (askedAt) => listeners.vouched(askedAt),
      gap: () => listeners.gap(),
      elsewhere: () => this.#redis.disconnect(true),
    });
    this.#stopTimers = [
      clock.every(PING_EVERY_MS, () => this.#ping()),
      clock.every(options.vouchEveryMs, () => this.#vouch()),
    ];
  }

  /** Why changes do not arrive just now; null when they do. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Resolves once the subscription stands, or Redis could not be reached. */
  async firstAttempt(): Promise<void> {
    await firstAttempt(this.#redis);
    await this.#subscribing;
  }

  close(): void {
    for (const stop of this.#stopTimers) stop();
    this.#redis.removeAllListeners('close');
    endClient(this.#redis);
  }

  #subscribe(): void {
    // Sent with the subscription and before it: what is committed in between is a number that is missed.
    const standing = this.#standing();
    this.#subscribing = this.#redis.subscribe(this.#channel).then(
      async () => {
        this.#vouching.began(await standing);
        this.#problem = null;
        this.#listeners.gap();
        void this.#serverClock.learn();
      },
      (error: unknown) => {
        this.#problem = reasonOf(error);
      },
    );
  }

  async #standing(): Promise<Standing | null> {
    try {
      return standingFrom(await this.#redis.eval(BARE_STANDING.lua, 1, this.#versionKey));
    } catch {
      // Without it nothing is vouched for, and the next check makes the subscription anew.
      return null;
    }
  }

  #heard(message: string): void {
    const news = parsed(message);
    if (news === null) {
      this.#listeners.gap();
      return;
    }
    const { changes, at, version } = news;
    if (changes.length > 0) {
      this.#listeners.changed(changes, () => (at === null ? null : this.#serverClock.longestSince(at)));
    }
    if (version !== null) this.#vouching.announced(version);
  }

  #lost(): void {
    if (this.#problem === null) this.#listeners.gap();
    this.#problem = 'the connection was closed';
    this.#vouching.ended();
    this.#serverClock.forget();
  }

  #vouch(): void {
    if (!this.#listeners.none) void this.#vouching.check();
  }

  #ping(): void {
    // No answer ends the connection (see createManagementClient), and that is noticed above.
    if (this.#problem === null) {
      this.#redis.ping().catch(() => {});
      void this.#serverClock.learn();
    } else if (this.#redis.status === 'ready') this.#subscribe();
  }
}

/** What a message says. */
interface News {
  readonly changes: readonly Change[];
  /** When they were committed, by the clock of Redis; null from an earlier version, which did not say. */
  readonly at: number | null;
  /** How many commits there were with this one; null from an earlier version, whose commits count as unheard. */
  readonly version: number | null;
}

/** Null when it is not one of ours, and so may stand for anything. */
function parsed(message: string): News | null {
  try {
    const news: unknown = JSON.parse(message);
    if (Array.isArray(news)) return { changes: news, at: null, version: null };
    const { changes, at, version = null } = news as Readonly<Record<string, unknown>>;
    if (!Array.isArray(changes) || !Array.isArray(at)) return null;
    return { changes, at: timeFrom(at), version: typeof version === 'number' ? version : null };
  } catch {
    return null;
  }
}
