import type { Clock } from '../../../kernel/clock.ts';
import { TurnoverSet } from '../../../kernel/turnover.ts';
import type { TargetOptions } from '../../forward/target.ts';
import { targetLookup } from '../../forward/target-lookup.ts';
import type { Choice } from '../../forward/upstreams.ts';
import type { AnswerListener } from './answer-listener.ts';
import type { Destination } from './dial.ts';
import { type ConnectionOwner, UpstreamConnection } from './upstream-connection.ts';

/** How many unused connections are kept for one target. */
const MOST_IDLE = 1_024;
/** How often connections are looked at at the most and at the least, in milliseconds. */
const LOOK_OFTENEST_MS = 10;
const LOOK_RAREST_MS = 500;

/** The connections to one target. Used ones wait for the next request; the one that was used last goes first. */
class UpstreamPool implements ConnectionOwner {
  readonly #to: Destination;
  readonly #options: TargetOptions;
  readonly #all = new TurnoverSet<UpstreamConnection>();
  #idle: UpstreamConnection[] = [];
  /** Released just now. Until the event loop has read on, nobody knows that no stray bytes follow the answer. */
  #resting: UpstreamConnection[] = [];
  /** How many requests are written together at the most; 1 for each by itself. */
  #pipelining: number;
  /** Takes the requests of this turn of the event loop. */
  #gathering: UpstreamConnection | null = null;
  readonly #onDoubt: () => void;
  readonly #stopLooking: () => void;

  constructor(origin: string, options: TargetOptions, clock: Clock, onDoubt: () => void) {
    const { protocol, hostname, port } = new URL(origin);
    const secure = protocol === 'https:';
    const host = hostname.replace(/^\[|\]$/g, '');
    const lookup = targetLookup(options.allowLinkLocal ?? false, options.findAddresses);
    this.#to = { host, port: port === '' ? (secure ? 443 : 80) : Number(port), secure, lookup };
    this.#options = options;
    this.#pipelining = options.pipelining ?? 1;
    this.#onDoubt = onDoubt;
    this.#stopLooking = clock.every(lookEvery(options), () => {
      const now = clock.monotonic();
      for (const connection of this.#all) connection.tick(now);
      this.#idle = this.#idle.filter(({ isOpen }) => isOpen);
    });
  }

  /**
   * Gives `listener` a connection that was used before, or opens one.
   * @param pipelined whether its request may share a connection with others of the same turn of the event loop
   * @returns the connection
   */
  connect(listener: AnswerListener, pipelined: boolean): UpstreamConnection {
    const gathers = pipelined && this.#pipelining > 1;
    if (gathers && this.#gathering?.join(listener)) return this.#gathering;
    for (let used = this.#idle.pop(); used !== undefined; used = this.#idle.pop()) {
      // One that has closed meanwhile is left out here, which is cheaper than to look for it when it does.
      if (!used.isOpen) continue;
      if (gathers) this.#gather(used);
      used.assign(listener);
      return used;
    }
    // What a new connection makes of the first request is not known, so nothing goes behind it (RFC 9112 §9.3.2).
    return this.open(listener);
  }

  /** Opens a connection for `listener`. */
  open(listener: AnswerListener): UpstreamConnection {
    const opened = new UpstreamConnection(this.#to, this.#options, this, listener);
    this.#all.add(opened);
    return opened;
  }

  /** Lets the connection take requests until the events of this turn are dealt with. */
  #gather(used: UpstreamConnection): void {
    if (this.#gathering === null) setImmediate(this.#sendGathered);
    this.#gathering = used;
    used.gather(this.#pipelining);
  }

  #sendGathered = (): void => {
    this.#gathering?.sendGathered();
    this.#gathering = null;
  };

  doubted(): void {
    if (this.#pipelining === 1) return;
    this.#pipelining = 1;
    this.#onDoubt();
  }

  released(connection: UpstreamConnection): void {
    if (this.#resting.length === 0) setImmediate(this.#rested);
    this.#resting.push(connection);
  }

  closed(connection: UpstreamConnection): void {
    this.#all.delete(connection);
  }

  close(): void {
    this.#stopLooking();
    for (const connection of this.#all) connection.destroy();
  }

  #rested = (): void => {
    for (const connection of this.#resting) {
      if (this.#idle.length < MOST_IDLE) this.#idle.push(connection);
      else connection.destroy();
    }
    this.#resting.length = 0;
  };
}

/** A part of the shortest time that is waited for, so that none takes much longer than it should. */
function lookEvery({ connectTimeoutMs, headTimeoutMs, idleTimeoutMs, keepAliveMs }: TargetOptions): number {
  const times = [connectTimeoutMs, headTimeoutMs, idleTimeoutMs, keepAliveMs].filter((time) => time > 0);
  return Math.min(LOOK_RAREST_MS, Math.max(LOOK_OFTENEST_MS, Math.min(...times) / 4));
}

/** The pools of all targets, each made when its target is first chosen. */
export class UpstreamPools {
  readonly #clock: Clock;
  readonly #onDoubt: (origin: string) => void;
  /** By upstream, whose TLS a connection was opened with, and then by origin. */
  readonly #byUpstream = new Map<TargetOptions, Map<string, UpstreamPool>>();

  /** @param onDoubt hears the origin of a target that is not pipelined to any more */
  constructor(clock: Clock, onDoubt: (origin: string) => void) {
    this.#clock = clock;
    this.#onDoubt = onDoubt;
  }

  /** The connections to the target that was chosen. */
  of(choice: Choice): UpstreamPool {
    return this.#byUpstream.get(choice.options)?.get(choice.origin) ?? this.#open(choice);
  }

  /** Closes every connection, also those in use. */
  close(): void {
    for (const pools of this.#byUpstream.values()) for (const pool of pools.values()) pool.close();
    this.#byUpstream.clear();
  }

  #open({ options, origin }: Choice): UpstreamPool {
    const pools = this.#byUpstream.get(options) ?? new Map<string, UpstreamPool>();
    this.#byUpstream.set(options, pools);
    const pool = new UpstreamPool(origin, options, this.#clock, () => this.#onDoubt(origin));
    pools.set(origin, pool);
    return pool;
  }
}
