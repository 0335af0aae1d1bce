import type { Redis } from 'ioredis';
import type { Change } from '../../domain/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Listeners } from '../listeners.ts';
import { type ConnectionOptions, createClient, firstAttempt, reasonOf } from './connection.ts';

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
  readonly #stopPinging: () => void;
  #subscribing = Promise.resolve();
  #problem: string | null = 'not subscribed yet';

  constructor(options: ConnectionOptions, channel: string, listeners: Listeners, clock: Clock) {
    this.#channel = channel;
    this.#listeners = listeners;
    this.#redis = createClient(options);
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
      },
      (error: unknown) => {
        this.#problem = reasonOf(error);
      },
    );
  }

  #heard(message: string): void {
    const changes = parsed(message);
    if (changes === null) this.#listeners.gap();
    else this.#listeners.changed(changes);
  }

  #lost(): void {
    if (this.#problem === null) this.#listeners.gap();
    this.#problem = 'the connection was closed';
  }

  #ping(): void {
    // No answer ends the connection (see createClient), and that is noticed above.
    if (this.#problem === null) this.#redis.ping().catch(() => {});
    else if (this.#redis.status === 'ready') this.#subscribe();
  }
}

/** The changes of a message; null when it is not one of ours, and so may stand for anything. */
function parsed(message: string): readonly Change[] | null {
  try {
    const changes: unknown = JSON.parse(message);
    return Array.isArray(changes) ? changes : null;
  } catch {
    return null;
  }
}
