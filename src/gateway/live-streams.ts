import type { Credential } from '../domain/token.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Permit } from './decision.ts';

/** Why the gateway ends a stream that neither side has ended. */
export type StreamEnd = 'token-unusable' | 'shutdown';

/** Ends one stream. Must not throw and must not wait; it may remove the stream it ends. */
export type EndStream = (why: StreamEnd) => void;

/**
 * Whether streams that were opened with this credential may stay open: true unless the token, its owner or its agent
 * may no longer act. Answered at once where memory knows.
 */
export type Verdict = (credential: Credential) => boolean | Promise<boolean>;

/** Picks the credentials that a change may concern. */
export type Concerns = (credential: Credential) => boolean;

interface TokenStreams {
  readonly credential: Credential;
  readonly ends: Set<EndStream>;
}

/** How many verdicts are waited for at a time, so that a gap in the change notices does not flood the store. */
const VERDICTS_AT_ONCE = 32;

const everyone: Concerns = () => true;

/**
 * The answers that outlive their request's check: WebSocket tunnels, event streams. A permit says that a token may
 * act now; what it opened may last for days. So the streams are kept by token, and whenever something changed, and
 * on a tick for what changes by time alone (expiry), the question is asked again, once for each token. Knows nothing
 * of sockets and holds no timer of its own for a stream.
 */
export class LiveStreams {
  readonly #byToken = new Map<string, TokenStreams>();

  /** How many streams are open. */
  get size(): number {
    let count = 0;
    for (const { ends } of this.#byToken.values()) count += ends.size;
    return count;
  }

  /**
   * Registers a stream that the permit opened.
   * @param end called at most once, when the gateway has to end it
   * @returns what to call when the stream is over, however it ended; a second call does nothing
   */
  add(permit: Permit, end: EndStream): () => void {
    const { credential } = permit;
    const { hash } = credential.token;
    let streams = this.#byToken.get(hash);
    if (streams === undefined) {
      streams = { credential, ends: new Set() };
      this.#byToken.set(hash, streams);
    }
    const { ends } = streams;
    // The same function may be given for two streams; a wrapper of its own tells them apart.
    const own: EndStream = (why) => end(why);
    ends.add(own);
    return () => {
      ends.delete(own);
      if (ends.size === 0 && this.#byToken.get(hash)?.ends === ends) this.#byToken.delete(hash);
    };
  }

  /**
   * Asks the verdict for every token with open streams, and ends the streams of those that may no longer act. A
   * verdict that throws or rejects counts as no: fail closed.
   * @param concerns leaves out tokens that a change cannot concern
   * @returns a promise that never rejects, fulfilled when every verdict is in; its value is the number of streams ended
   */
  async recheck(verdict: Verdict, concerns: Concerns = everyone): Promise<number> {
    let ended = 0;
    let waiting: Promise<void>[] = [];
    for (const streams of [...this.#byToken.values()]) {
      if (!concerns(streams.credential)) continue;
      const mayStay = ask(verdict, streams.credential);
      if (mayStay === true) continue;
      if (mayStay === false) {
        ended += this.#end(streams, 'token-unusable');
        continue;
      }
      waiting.push(
        mayStay.then((late) => {
          if (!late) ended += this.#end(streams, 'token-unusable');
        }),
      );
      if (waiting.length === VERDICTS_AT_ONCE) {
        await Promise.all(waiting);
        waiting = [];
      }
    }
    await Promise.all(waiting);
    return ended;
  }

  /**
   * Rechecks all streams every `ms` milliseconds: the bound for what no change announces. One timer for all; a tick
   * that finds the one before still waiting for the store is left out.
   * @returns what stops it
   */
  recheckEvery(ms: number, clock: Clock, verdict: Verdict): () => void {
    let busy = false;
    return clock.every(ms, () => {
      if (busy || this.#byToken.size === 0) return;
      busy = true;
      void this.recheck(verdict).then(() => {
        busy = false;
      });
    });
  }

  /** Ends every stream, for shutdown. */
  endAll(why: StreamEnd): void {
    for (const streams of [...this.#byToken.values()]) this.#end(streams, why);
  }

  #end({ credential, ends }: TokenStreams, why: StreamEnd): number {
    // Streams that the same token opens from here on are another set, which this end does not touch.
    if (this.#byToken.get(credential.token.hash)?.ends === ends) this.#byToken.delete(credential.token.hash);
    let count = 0;
    // Ending one may remove others: those are passed over.
    for (const end of ends) {
      ends.delete(end);
      end(why);
      count += 1;
    }
    return count;
  }
}

function ask(verdict: Verdict, credential: Credential): boolean | Promise<boolean> {
  try {
    const answer = verdict(credential);
    return answer instanceof Promise ? answer.catch(() => false) : answer;
  } catch {
    return false;
  }
}
