import type { Socket } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { Health, type HealthOptions, type HealthState } from './health.ts';
import { type FindAddresses, targetLookup } from './target-lookup.ts';
import { connectionTls, type TargetTls } from './target-tls.ts';

export interface TargetOptions extends HealthOptions {
  readonly connectTimeoutMs: number;
  /** While nothing more is taken of a body, and from the end of the request until the head of the answer is complete. */
  readonly headTimeoutMs: number;
  /** Between two pieces of the answer's body; 0 for no limit. */
  readonly idleTimeoutMs: number;
  /** How long an idle connection is kept, unless the target says less in `Keep-Alive`. */
  readonly keepAliveMs: number;
  /** How long a connection is used at the most, so that it follows what the target's name means; not bounded unless given. */
  readonly maxAgeMs?: number;
  /** Requests under way over one connection of the fast transport at the most; 1 unless given. */
  readonly pipelining?: number;
  /** Whether the target's name may mean link-local addresses and those of cloud metadata; not unless given. */
  readonly allowLinkLocal?: boolean;
  /** Finds the addresses of the target's name; the system does unless given. */
  readonly findAddresses?: FindAddresses;
  /** For targets over https; none is what Node trusts and shows by itself. */
  readonly tls?: TargetTls | null;
}

/** What `/readyz` and the log say of a target. */
export interface TargetState {
  /** `name` of the upstream in the configuration. */
  readonly upstream: string;
  readonly origin: string;
  readonly health: HealthState;
  /** Requests under way at the target. */
  readonly busy: number;
}

/** One target of an upstream: its connections, how busy it is, and its health. */
export class Target {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** Host and, if not the scheme's own, port: what `Host` says to the target. */
  readonly host: string;
  readonly pool: Pool;
  /** Sends requests over the pool. */
  readonly dispatcher: Dispatcher;
  readonly health: Health;
  readonly options: TargetOptions;
  busy = 0;

  /** @throws TypeError when `origin` is more or less than an http or https origin */
  constructor(origin: string, options: TargetOptions) {
    const url = new URL(origin);
    if (url.origin !== origin || !/^https?:$/.test(url.protocol)) {
      throw new TypeError(`a target is an origin such as http://127.0.0.1:9001, not ${origin}`);
    }
    this.origin = origin;
    this.host = url.host;
    this.options = options;
    this.health = new Health(options);
    this.pool = new Pool(origin, {
      connect: connector(options),
      headersTimeout: options.headTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
      keepAliveTimeout: options.keepAliveMs,
      clientTtl: options.maxAgeMs === undefined ? null : agedEarly(options.maxAgeMs),
      pipelining: 1,
      allowH2: false,
    });
    this.dispatcher = url.protocol === 'https:' ? this.pool.compose(named(url.hostname)) : this.pool;
  }
}

/** At most this part of its age is taken off a connection, at random: those that were opened together are not closed so. */
const AGE_SPREAD = 0.2;

/** The age at which one connection is given up: `maxAgeMs`, or somewhat less. */
export function agedEarly(maxAgeMs: number): number {
  return maxAgeMs * (1 - AGE_SPREAD * Math.random());
}

/**
 * Calls the target by one name. Without it undici would take each request's `Host` for the name of the TLS server,
 * and open a new connection whenever that changes.
 */
function named(servername: string): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const withName = { ...options, servername };
    return dispatch(withName, handler);
  };
}

/** Opens connections to the target, and to nothing else: a name that a request brings has no say in it. */
function connector(options: TargetOptions): buildConnector.connector {
  const { connectTimeoutMs: timeout, tls, allowLinkLocal, findAddresses } = options;
  const lookup = targetLookup(allowLinkLocal ?? false, findAddresses);
  const connect = buildConnector({ allowH2: false, timeout, lookup, ...connectionTls(tls) });
  return ({ servername: _, ...target }, callback) =>
    connect(target, (...result) => {
      const [error, socket] = result;
      if (error === null) socket.on('error', endWithError);
      callback(...result);
    });
}

/**
 * undici takes ECONNRESET for the end of a body that ends with its connection, so that one cut short would look
 * complete. By another name the error is an error. And of an alert behind the handshake, such as the refusal of our
 * certificate over TLS 1.3, Node tells without closing: undici would hear the end that follows, and tell of that.
 * Runs before undici's own listener, as it was added before.
 */
function endWithError(this: Socket, error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET';
  this.destroy(error);
}
