import type { Redis } from 'ioredis';
import type { Change } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Listeners } from '../listeners.ts';
import { type ConnectionOptions, createManagementClient, firstAttempt, reasonOf } from './client.ts';
import { changesChannel } from './commit.ts';
import { type ServerClock, timeFrom } from './server-clock.ts';

/** How often to ask for a sign of life: a subscription that is silent because it is dead looks like one without news. */
const PING_EVERY_MS = 1_000;

/**
 * The connection on which changes arrive. Redis forgets what it told nobody, so listeners hear of a gap when the
 * subscription is lost, and again once it stands: what was read in between may have changed unheard.
 */
export class Subscription {
  readonly #redis: Redis;
  readonly #channel: string;
  readonly #listeners: Listeners;
  readonly #serverClock: ServerClock;
  readonly #stopPinging: () => void;
  #subscribing = Promise.resolve();
  #problem: string | null = 'not subscribed yet';

  constructor(options: ConnectionOptions, listeners: Listeners, clock: Clock, serverClock: ServerClock) {
    this.#channel = changesChannel(options.prefix);
    this.#listeners = listeners;
    this.#serverClock = serverClock;
    this.#redis = createManagementClient(options);
    // Why Redis is away is told by the connection for commands.
    this.#redis.on('error', () => {});
    this.#redis.on('close', () => this.#lost());
    this.#redis.on('message', (_, message: string) => this.#heard(message));
    this.#redis.on('ready', () => this.#subscribe());
    this.#stopPinging = clock.every(PING_EVERY_MS, () => this.#ping());
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
    this.#stopPinging();
    this.#redis.removeAllListeners('close');
    this.#redis.disconnect();
  }

  #subscribe(): void {
    this.#subscribing = this.#redis.subscribe(this.#channel).then(
      () => {
        this.#problem = null;
        this.#listeners.gap();
        void this.#serverClock.learn();
      },
      (error: unknown) => {
        this.#problem = reasonOf(error);
      },
    );
  }

  #heard(message: string): void {
    const news = parsed(message);
    if (news === null) {
      this.#listeners.gap();
    } else {
      const { changes, at } = news;
      this.#listeners.changed(changes, () => (at === null ? null : this.#serverClock.longestSince(at)));
    }
  }

  #lost(): void {
    if (this.#problem === null) this.#listeners.gap();
    this.#problem = 'the connection was closed';
    this.#serverClock.forget();
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
}

/** Null when it is not one of ours, and so may stand for anything. */
function parsed(message: string): News | null {
  try {
    const news: unknown = JSON.parse(message);
    if (Array.isArray(news)) return { changes: news, at: null };
    const { changes, at } = news as { readonly changes: unknown; readonly at: unknown };
    return Array.isArray(changes) && Array.isArray(at) ? { changes, at: timeFrom(at) } : null;
  } catch {
    return null;
  }
}
