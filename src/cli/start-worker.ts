import type { Config } from '../config/config.ts';
import { systemClock } from '../kernel/clock.ts';
import type { ComponentCheck } from '../telemetry/health-server.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { assembleGateway } from './assemble.ts';
import { bound } from './listening.ts';
import { type Running, type Start, startParts } from './start.ts';
import { leaveCompiledCode } from './workers/compiled-code.ts';
import { reportForDuty, shareOfWorker } from './workers/worker-side.ts';

/** Starts one of several workers: the gateway alone, for which its primary speaks. */
export async function startWorker(begin: Start): Promise<Running> {
  const { config, log, started } = begin;
  const parts = await startParts(begin);
  const { store, echo, upstreamsTls, tlsOf } = parts;
  const share = async (whole: Config) => echo.resolved(shareOfWorker(whole));
  const gateway = await assembleGateway(await share(config), store, systemClock, log, upstreamsTls);
  started.push(() => gateway.stop(begin.config.listen.drainTimeout));
  const reloader = parts.reloading(async (next, upstreams) => gateway.adopt(await share(next), upstreams));
  const metrics = createMetrics({
    process: parts.sources(reloader),
    gateway: gateway.metrics,
    control: null,
    workers: null,
  });
  // It is written in one go, which nobody waits for yet.
  leaveCompiledCode();
  const { port, host } = config.listen.proxy;
  const proxy = await bound('proxy', config.listen.proxy, () =>
    gateway.transport.listen(port, host, tlsOf('proxy')),
  );
  const components = {
    store: () => store.trouble(),
    config: () => reloader.trouble,
    ...gateway.components,
  };
  reportForDuty(proxy, {
    answer: { metrics: () => metrics.getMetricsAsJSON(), health: () => troubles(components) },
    lastCall: () => gateway.transport.lastCall(),
  });
  // When is for its primary to say.
  return { proxy, admin: null, metrics: null, reload: () => reloader.reload(), lastCall: async () => {} };
}

/** What is not well, a line for each component. */
async function troubles(components: Readonly<Record<string, ComponentCheck>>): Promise<string[]> {
  const lines: string[] = [];
  for (const [name, check] of Object.entries(components)) {
    const trouble = await check();
    if (trouble !== null) lines.push(`${name}: ${trouble}`);
  }
  return lines;
}
