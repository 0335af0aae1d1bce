import type { Arrival } from '../../decision.ts';
import { isLost } from '../../forward/lost.ts';
import type { Choice, Ending } from '../../forward/upstreams.ts';
import type { AnswerListener, Progress } from './answer-listener.ts';
import type { FastOptions } from './options.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Methods whose repetition changes nothing (RFC 9110 §9.2.2), of those that listen allows. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Those that change nothing (RFC 9110 §9.2.1), and whose answers do not end their connection. */
const PIPELINED: ReadonlySet<string> = new Set(['GET', 'OPTIONS']);

/** The attempts to have one request answered: one after the other, each at one target over one connection. */
export class Attempts {
  /** How many targets were asked. */
  count = 0;
  /** Name of the upstream and origin of the target that was asked last, once one was chosen. */
  upstream: string | null = null;
  target: string | null = null;
  /** The target that is being asked. */
  choice: Choice | null = null;
  /** The connection that carries the request. */
  connection: UpstreamConnection | null = null;
  readonly #options: FastOptions;
  #left: number;

  constructor(options: FastOptions) {
    this.#options = options;
    this.#left = options.retries;
  }

  /**
   * Asks a target. The first attempt may be pipelined with requests of others; a further one is not, as what went wrong
   * with the first could go wrong with all of them (RFC 9112 §9.3.2).
   * @param bodyLength what the request states of its body, in bytes; null where it states nothing
   * @param except the origin that has just failed; what ended one connection to it may have ended all that are kept
   * @returns why there is none to ask; null when `listener` hears the rest
   */
  begin(
    { method, path }: Arrival,
    bodyLength: number | null,
    listener: AnswerListener,
    except?: string,
  ): 'forward.no-route' | 'forward.no-target' | null {
    const { upstreams, pools } = this.#options;
    const choice = upstreams.choose(path, except);
    if (typeof choice === 'string') return choice;
    this.choice = choice;
    this.upstream = choice.upstream;
    this.target = choice.origin;
    const pipelined = this.count === 0 && this.#left > 0 && bodyLength === null && PIPELINED.has(method);
    this.count += 1;
    const pool = pools.of(choice);
    this.connection = choice.origin === except ? pool.open(listener) : pool.connect(listener, pipelined);
    return null;
  }

  /**
   * Whether a request that failed so may be sent once more. Takes one of its attempts if it is.
   * @param bodyLength of the request, in bytes
   */
  takeAnother(
    code: Parameters<AnswerListener['failed']>[0],
    progress: Progress,
    { method }: Arrival,
    bodyLength: number,
  ): boolean {
    const repeatable = bodyLength === 0 && IDEMPOTENT.has(method);
    const safe = progress === 'unsent' || (progress === 'sent' && repeatable);
    if (!isLost(code) || !safe || this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }

  /**
   * Whether a request that was passed over may be sent once more. Takes one of its attempts, unless it was not seen: as
   * only the first attempt is pipelined, that is once at the most.
   */
  takeAnotherAfterPassing(unseen: boolean): boolean {
    if (unseen) return true;
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }

  /** The whole answer has come; its connection is held until it is written. */
  answered(): void {
    this.choice?.done('answered');
    this.choice = null;
  }

  /** Gives up the attempt under way, if there is one. */
  abandon(listener: AnswerListener): void {
    if (this.choice === null) return;
    this.connection?.abandon(listener);
    this.over('abandoned');
  }

  /** The attempt is over without an answer. */
  over(ending: Ending): void {
    this.choice?.done(ending);
    this.choice = null;
    this.connection = null;
  }
}
