import type { GeneralTransportOptions } from '../general/options.ts';
import type { UpstreamPools } from './upstream-pool.ts';

/** What the fast transport is made of: what the general one is, and connections of its own. */
export interface FastOptions extends GeneralTransportOptions {
  readonly pools: UpstreamPools;
  /** What an answer says of its connection when that stays open: lines with their CRLF. */
  readonly keepAliveLines: string;
}
