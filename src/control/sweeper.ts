import { type LogFacts, logEvent } from '../domain/log-event.ts';
import { type Management, StoreConflict } from '../domain/store.ts';
import { type Credential, expiresAt, type Token } from '../domain/token.ts';
import type { Clock } from '../kernel/clock.ts';
import { describeToken, tokenTargets } from './tokens/event-facts.ts';

export interface SweeperOptions {
  /** How often to look, in milliseconds. */
  readonly everyMs: number;
  /** How long the System Log is kept, in milliseconds. */
  readonly retentionMs: number;
}

export interface SweeperEvents {
  /** A sweep came to its end: how many tokens it revoked and how many events it removed, often none. */
  swept(revoked: number, purged: number): void;
  /** A sweep failed; the next one tries again. */
  failed(error: unknown): void;
}

/** How many tokens are read at once. */
const READ_AT_ONCE = 100;

/**
 * For how long an expired token is left as it is: a gateway that could not reach the store may still have a last use
 * to write. Nobody gains by it, because gateways refuse the token from the moment it expires.
 */
const LATE_USE_MS = 60_000;

/**
 * Revokes tokens that were not used for their whole window, each with its event, and removes events that are older
 * than the log is kept. Any number of processes may sweep one store: a token is revoked on the condition that
 * nobody has changed it meanwhile, so of two sweepers one does nothing.
 */
export class Sweeper {
  readonly #store: Management;
  readonly #clock: Clock;
  readonly #options: SweeperOptions;
  readonly #events: SweeperEvents;
  readonly #stopTimer: () => void;
  #sweeping: Promise<void> | null = null;

  constructor(store: Management, clock: Clock, options: SweeperOptions, events: SweeperEvents) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
    this.#stopTimer = clock.every(options.everyMs, () => void this.sweep());
  }

  /** Sweeps once; whoever asks while a sweep is under way waits for that one. Never rejects. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = null;
    });
    return this.#sweeping;
  }

  /** Lets a sweep under way end. */
  async close(): Promise<void> {
    this.#stopTimer();
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    try {
      const revoked = await this.#revokeIdle();
      const purged = await this.#store.purgeEventsBefore(this.#clock.now() - this.#options.retentionMs);
      this.#events.swept(revoked, purged);
    } catch (error) {
      this.#events.failed(error);
    }
  }

  async #revokeIdle(): Promise<number> {
    const latest = this.#clock.now() - LATE_USE_MS;
    let revoked = 0;
    for (;;) {
      const tokens = await this.#store.tokensExpiringBefore(latest, READ_AT_ONCE);
      const before = revoked;
      for (const token of tokens) if (await this.#revoke(token, latest)) revoked++;
      // None of them: others sweep them, or keep changing them.
      if (tokens.length < READ_AT_ONCE || revoked === before) return revoked;
    }
  }

  /** @returns whether it was revoked here */
  async #revoke({ id }: Token, latest: number): Promise<boolean> {
    const credential = await this.#store.token(id);
    if (credential === null || credential.token.revokedAt !== null) return false;
    const { token } = credential;
    if (expiresAt(token) >= latest) return false;
    const now = this.#clock.now();
    try {
      await this.#store.commit([
        {
          put: 'token',
          token: { ...token, revokedAt: now, lastUpdatedAt: now, previous: null },
          replacing: token,
        },
        { append: 'event', event: logEvent(revocation(credential, now)) },
      ]);
      return true;
    } catch (error) {
      if (error instanceof StoreConflict) return false;
      throw error;
    }
  }
}

function revocation(credential: Credential, now: number): LogFacts {
  return {
    eventType: 'system.api_token.revoke',
    actor: 'system',
    tokenId: null,
    targets: tokenTargets(credential),
    outcome: { result: 'SUCCESS', reason: 'The token was not used for its whole window' },
    debugData: describeToken(credential),
    requestId: null,
    now,
  };
}
