import type { Dispatcher } from 'undici';

/** A target chosen for one request. Whoever chose it calls `done` exactly once. */
export interface Choice {
  /** `name` of the upstream in the configuration. */
  readonly upstream: string;
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  readonly dispatcher: Dispatcher;
  /** Ends the request's count at the target, and tells passive health how it went. */
  done(result: 'answered' | 'failed' | 'abandoned'): void;
}

/** Which upstream a path belongs to, and which of its targets is to serve it now. */
export interface Upstreams {
  /**
   * The less busy of two targets drawn at random among the healthy ones of the upstream with the longest path
   * prefix that covers `path` (in normal form).
   * @param except an origin that has just failed, for a retry
   */
  choose(path: string, except?: string): Choice | 'forward.no-route' | 'forward.no-target';
  close(): Promise<void>;
}
