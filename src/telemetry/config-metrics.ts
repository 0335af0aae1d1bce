import { Counter, Gauge, type Registry } from 'prom-client';

/** What is known of the configuration that is in force. */
export interface ConfigFacts {
  readonly generation: number;
  /** When it was put in force, in milliseconds since the epoch. */
  readonly appliedAt: number;
  /** Reloads that were refused. */
  readonly refused: number;
}

/** Declares the metrics of the configuration; each reads its fact when scraped. */
export function addConfigMetrics(registry: Registry, facts: ConfigFacts): void {
  const registers = [registry];
  new Gauge({
    name: 'tollgate_config_generation',
    help: 'Configurations that this process has put in force, that of the start included.',
    registers,
    collect() {
      this.set(facts.generation);
    },
  });
  new Gauge({
    name: 'tollgate_config_last_reload_success_timestamp_seconds',
    help: 'When the configuration in force was put in force, in seconds since the epoch.',
    registers,
    collect() {
      this.set(facts.appliedAt / 1000);
    },
  });
  new Counter({
    name: 'tollgate_config_reloads_refused_total',
    help: 'Reloads that were refused, so that the configuration before stayed in force.',
    registers,
    collect() {
      this.reset();
      this.inc(facts.refused);
    },
  });
}
