import { type Declare, single } from './declare.ts';
import { PairCounts } from './pair-counts.ts';

/** What the metrics of a control plane read. */
export interface ControlSources {
  /** By operation of the management API, or `none`, and status. */
  readonly requests: PairCounts;
  readonly sweeps: SweepCounts;
}

/** What the sweeper did since the start. */
export interface SweepCounts {
  done: number;
  failed: number;
  /** Tokens that were revoked because nobody used them. */
  revoked: number;
  /** Events of the System Log that were removed because of their age. */
  purged: number;
  /** When a sweep last succeeded, in seconds since the epoch; 0 before the first. */
  lastDoneAt: number;
}

export function controlSources(): ControlSources {
  return { requests: new PairCounts(), sweeps: { done: 0, failed: 0, revoked: 0, purged: 0, lastDoneAt: 0 } };
}

/** Declares the metrics of a control plane. */
export function declareControl(declare: Declare, { requests, sweeps }: ControlSources): void {
  declare.counter(
    {
      name: 'tollgate_management_requests_total',
      help: 'Requests of the management API by operation and status.',
      labelNames: ['operation', 'status'],
    },
    function* () {
      for (const [operation, status, value] of requests.entries())
        yield { labels: { operation, status }, value };
    },
  );
  declare.counter(
    { name: 'tollgate_sweeps_total', help: 'Sweeps by result: done or failed.', labelNames: ['result'] },
    () => [
      { labels: { result: 'done' }, value: sweeps.done },
      { labels: { result: 'failed' }, value: sweeps.failed },
    ],
  );
  declare.gauge(
    {
      name: 'tollgate_sweep_last_success_timestamp_seconds',
      help: 'When a sweep last succeeded, in seconds since the epoch; 0 before the first.',
    },
    'max',
    single(() => sweeps.lastDoneAt),
  );
  declare.counter(
    {
      name: 'tollgate_swept_tokens_total',
      help: 'Tokens revoked because they were unused for their window.',
    },
    single(() => sweeps.revoked),
  );
  declare.counter(
    { name: 'tollgate_purged_events_total', help: 'Events of the System Log removed because of their age.' },
    single(() => sweeps.purged),
  );
}
