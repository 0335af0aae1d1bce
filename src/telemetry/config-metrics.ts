import { type Declare, single } from './declare.ts';

/** What is known of the configuration that is in force. */
export interface ConfigFacts {
  readonly generation: number;
  /** When it was put in force, in milliseconds since the epoch. */
  readonly appliedAt: number;
  /** Reloads that were refused. */
  readonly refused: number;
}

/** Declares the metrics of the configuration; each reads its fact when scraped. */
export function declareConfig(declare: Declare, facts: ConfigFacts): void {
  declare.gauge(
    {
      name: 'tollgate_config_generation',
      help: 'Configurations that this process has put in force, that of the start included.',
    },
    'min',
    single(() => facts.generation),
  );
  declare.gauge(
    {
      name: 'tollgate_config_last_reload_success_timestamp_seconds',
      help: 'When the configuration in force was put in force, in seconds since the epoch.',
    },
    'min',
    single(() => facts.appliedAt / 1000),
  );
  declare.counter(
    {
      name: 'tollgate_config_reloads_refused_total',
      help: 'Reloads that were refused, so that the configuration before stayed in force.',
    },
    single(() => facts.refused),
  );
}
