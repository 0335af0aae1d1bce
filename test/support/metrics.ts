import { systemClock } from '../../src/kernel/clock.ts';
import type { ControlSources } from '../../src/telemetry/control-metrics.ts';
import type { GatewaySources } from '../../src/telemetry/gateway-metrics.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { StoreCalls } from '../../src/telemetry/store-calls.ts';
import type { WorkerFacts } from '../../src/telemetry/worker-metrics.ts';

/** The metrics of a process that has this gateway, this control plane and these workers. */
export function metricsOf(
  gateway: GatewaySources | null,
  control: ControlSources | null = null,
  store = new StoreCalls(systemClock),
  workers: WorkerFacts | null = null,
) {
  const process = {
    version: '0.0.0',
    config: { generation: 1, appliedAt: 0, refused: 0 },
    certificateEnds: () => [],
    store,
    logDropped: () => 0,
  };
  return createMetrics({ process, gateway, control, workers });
}
