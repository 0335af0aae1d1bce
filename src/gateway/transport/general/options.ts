import type { Clock } from '../../../kernel/clock.ts';
import type { Upstreams } from '../../forward/upstreams.ts';
import type { HeadRules } from '../../listen/head.ts';
import type { LiveStreams } from '../../live-streams.ts';
import type { OnBug, Pipeline } from '../../pipeline.ts';
import type { RefusalForm } from '../../refusal-body.ts';

/** The bounds of the listen stage that the transport holds; those of the head are in its HeadRules. */
export interface Limits {
  /** Client connections open at once; more are closed as they come. */
  readonly maxConnections: number;
  /** Of one address that is no trusted proxy. */
  readonly maxConnectionsPerAddress: number;
  /** Bytes of a request head: the request line and all headers. */
  readonly headSize: number;
  /** From the first byte of a request, or the opening of the connection, until the head is complete; in milliseconds. */
  readonly headTimeoutMs: number;
  /** Bytes of a request body, stated or counted while it streams. */
  readonly bodySize: number;
  /** Slowest a request body may arrive, in bytes a second; null allows any. */
  readonly bodyMinRate: number | null;
  /** How long a connection may stay open between two requests, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** How long a client may leave an answer that waits for it untouched, in milliseconds. */
  readonly stallTimeoutMs: number;
}

/** What the general transport is made of. */
export interface GeneralTransportOptions {
  readonly pipeline: Pipeline;
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  readonly rules: HeadRules;
  readonly limits: Limits;
  readonly refusalForm: RefusalForm;
  /** Whether HTTP/2 is offered where clients speak TLS; for listeners that are bound from now on. */
  readonly http2?: boolean;
  /** How clients reach this transport, as `X-Forwarded-Proto` tells it. */
  readonly scheme: 'http' | 'https';
  /** Whether the upstream gets the client's `Host` instead of its own. */
  readonly preserveHost: boolean;
  /** How often a request is tried again where that is safe. */
  readonly retries: number;
  /** Hears the peer of each connection as it comes, once. */
  readonly onConnection?: (peer: string) => void;
  /** Whether the peer is one of the deployment's own proxies. */
  readonly isTrusted: (peer: string) => boolean;
  /** Where event streams are registered, so that they end with their token. */
  readonly streams: LiveStreams;
  readonly onBug: OnBug;
  /**
   * Hears the origin of a target that has sent what is no answer, or what nobody asked for, so that requests are not
   * pipelined to it any more.
   */
  readonly onDoubt?: (origin: string) => void;
}
