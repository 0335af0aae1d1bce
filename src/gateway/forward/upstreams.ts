import type { Dispatcher } from 'undici';
import type { Clock } from '../../kernel/clock.ts';
import { lessBusyOfTwo } from './balance.ts';
import { type ProbeOptions, probe } from './health-probe.ts';
import { Target, type TargetOptions, type TargetState } from './target.ts';

/** How a request ended, as far as it tells of the target. `abandoned`: by the client's doing, so it tells nothing. */
export type Ending = 'answered' | 'failed' | 'abandoned';

/** A target chosen for one request. Whoever chose it calls `done` exactly once. */
export interface Choice {
  /** `name` of the upstream in the configuration. */
  readonly upstream: string;
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** Host and, if not the scheme's own, port of the origin. */
  readonly host: string;
  readonly dispatcher: Dispatcher;
  /** The times that hold for the target, for whoever opens connections of his own. */
  readonly options: TargetOptions;
  /** Tells passive health that the head of an answer has come; the answer may last long. */
  answered(): void;
  /** Ends the request's count at the target, and tells passive health how it went. */
  done(result: Ending): void;
}

/** Which upstream a path belongs to, and which of its targets is to serve it now. */
export interface Upstreams {
  /**
   * The less busy of two targets drawn at random among the healthy ones of the upstream with the longest path
   * prefix that covers `path` (in normal form).
   * @param except an origin that has just failed, for a retry; chosen again only when there is no other
   */
  choose(path: string, except?: string): Choice | 'forward.no-route' | 'forward.no-target';
  /** Every target with its health, in the order of the configuration. */
  targets(): readonly TargetState[];
  /** Stops probing. Targets are as healthy from then on as requests find them. */
  stopProbing(): void;
  /** Tells of the beginning of `close`. */
  onClose(listener: () => void): void;
  /** Stops probing, waits for requests under way, and closes all connections. */
  close(): Promise<void>;
}

export interface UpstreamOptions extends TargetOptions {
  readonly name: string;
  /** Origins, at least one. */
  readonly targets: readonly string[];
  /** Prefixes of whole segments: `/api` covers `/api` and `/api/x`, not `/apix`; `/` covers everything. */
  readonly paths: readonly string[];
  /** Null for no active probing. */
  readonly probe: ProbeOptions | null;
}

interface Upstream {
  readonly name: string;
  readonly targets: readonly Target[];
}

interface Route {
  /** Without a slash at its end; empty for `/`. */
  readonly prefix: string;
  readonly upstream: Upstream;
}

/**
 * Opens the upstreams of the configuration; connections are made when requests need them.
 * @param random a number from 0 up to, not including, 1, for balancing
 */
export function createUpstreams(
  options: readonly UpstreamOptions[],
  clock: Clock,
  random: () => number = Math.random,
): Upstreams {
  const stops: (() => void)[] = [];
  const onClose: (() => void)[] = [];
  const routes: Route[] = [];
  const upstreams = options.map((each): Upstream => {
    const upstream = { name: each.name, targets: each.targets.map((origin) => new Target(origin, each)) };
    for (const path of each.paths) routes.push({ prefix: path.replace(/\/$/, ''), upstream });
    if (each.probe !== null) {
      for (const target of upstream.targets) stops.push(probe(target, each.probe, clock));
    }
    return upstream;
  });
  const stopProbing = (): void => {
    for (const stop of stops.splice(0)) stop();
  };
  routes.sort((a, b) => b.prefix.length - a.prefix.length);

  function upstreamOf(path: string): Upstream | null {
    for (const { prefix, upstream } of routes) if (covers(prefix, path)) return upstream;
    return null;
  }

  return {
    choose(path, except) {
      const upstream = upstreamOf(path);
      if (upstream === null) return 'forward.no-route';
      const [only] = upstream.targets;
      if (only !== undefined && upstream.targets.length === 1) {
        const usable = only.health.state === 'up' || only.health.usable(clock.monotonic());
        return usable ? new TakenTarget(only, upstream, clock) : 'forward.no-target';
      }
      const now = clock.monotonic();
      const usable = upstream.targets.filter(({ health }) => health.usable(now));
      const others = usable.filter(({ origin }) => origin !== except);
      const target = lessBusyOfTwo(others.length === 0 ? usable : others, random);
      return target === undefined ? 'forward.no-target' : new TakenTarget(target, upstream, clock);
    },
    targets: () =>
      upstreams.flatMap(({ name, targets }) =>
        targets.map(({ origin, health, busy }) => ({ upstream: name, origin, health: health.state, busy })),
      ),
    stopProbing,
    onClose(listener) {
      onClose.push(listener);
    },
    async close() {
      stopProbing();
      for (const tell of onClose.splice(0)) tell();
      const open = upstreams.flatMap(({ targets }) => targets).filter(({ pool }) => !pool.closed);
      await Promise.all(open.map(({ pool }) => pool.close()));
    },
  };
}

function covers(prefix: string, path: string): boolean {
  if (prefix === '') return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path.charAt(prefix.length) === '/');
}

/** A target that serves one request. */
class TakenTarget implements Choice {
  readonly upstream: string;
  readonly #target: Target;
  readonly #among: readonly Target[];
  readonly #clock: Clock;

  constructor(target: Target, { name, targets }: Upstream, clock: Clock) {
    this.upstream = name;
    this.#target = target;
    this.#among = targets;
    this.#clock = clock;
    target.busy += 1;
    target.health.taken();
  }

  get origin(): string {
    return this.#target.origin;
  }

  get host(): string {
    return this.#target.host;
  }

  get dispatcher(): Dispatcher {
    return this.#target.dispatcher;
  }

  get options(): TargetOptions {
    return this.#target.options;
  }

  answered(): void {
    this.#target.health.answered();
  }

  done(result: Ending): void {
    const { health } = this.#target;
    this.#target.busy -= 1;
    if (result === 'answered') health.answered();
    else if (result === 'abandoned') health.abandoned();
    else {
      const now = this.#clock.monotonic();
      const replaceable = this.#among.some((other) => other !== this.#target && other.health.usable(now));
      health.failed(now, replaceable);
    }
  }
}
