import type { Config } from '../../src/config/config.ts';
import { parseAddress } from '../../src/domain/address.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { createUpstreams } from '../../src/gateway/forward/upstreams.ts';
import type { Gate } from '../../src/gateway/gate.ts';
import { headRules } from '../../src/gateway/listen/head.ts';
import { LiveStreams } from '../../src/gateway/live-streams.ts';
import { type OnBug, Pipeline } from '../../src/gateway/pipeline.ts';
import type { createFastTransport } from '../../src/gateway/transport/fast/server.ts';
import type { GeneralTransportOptions } from '../../src/gateway/transport/general/options.ts';
import type { createGeneralTransport } from '../../src/gateway/transport/general/server.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';

const UPSTREAM_KEEP_ALIVE_MS = 4_000;

/** A benchmark that meets a bug is over. */
const onBug: OnBug = (error) => {
  throw error;
};

/** One of the transports that `assembleGateway` makes, before a gate and without account. @returns its origin */
export async function listen(
  config: Config,
  gate: Gate,
  create: typeof createGeneralTransport | typeof createFastTransport,
): Promise<string> {
  const transport = create(optionsFor(config, new Pipeline(gate, () => {}, onBug)), null);
  const { port } = await transport.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${port}`;
}

function optionsFor(config: Config, pipeline: Pipeline): GeneralTransportOptions {
  const { listen, resolve, zone, forward, refusals } = config;
  const trusted = compileAddressSet(zone.trustedProxies);
  return {
    pipeline,
    upstreams: upstreamsFor(config),
    clock,
    rules: headRules({
      schemes: resolve.schemes,
      credentialHeader: resolve.header,
      passCredential: !forward.stripToken,
      maxHeaders: listen.maxHeaders,
      maxTargetLength: listen.targetSize,
    }),
    limits: {
      maxConnectionsPerAddress: 1_000_000,
      maxConnections: listen.maxConnections,
      headSize: listen.headSize,
      headTimeoutMs: listen.headTimeout,
      bodySize: listen.bodySize,
      bodyMinRate: listen.bodyMinRate,
      idleTimeoutMs: listen.idleTimeout,
      stallTimeoutMs: listen.idleTimeout,
    },
    refusalForm: refusals.format,
    scheme: 'http',
    preserveHost: forward.preserveHost,
    retries: forward.retries,
    isTrusted: (peer) => {
      const address = parseAddress(peer);
      return address !== null && trusted.has(address);
    },
    streams: new LiveStreams(),
    onBug,
  };
}

function upstreamsFor({ forward }: Config) {
  const { connectTimeout, headTimeout, idleTimeout, health } = forward;
  const options = {
    connectTimeoutMs: connectTimeout,
    headTimeoutMs: headTimeout,
    idleTimeoutMs: idleTimeout,
    keepAliveMs: UPSTREAM_KEEP_ALIVE_MS,
    failures: health.failures,
    ejectMs: health.ejectFor,
    probe: null,
  };
  return createUpstreams(
    forward.upstreams.map((upstream) => ({ ...options, ...upstream })),
    clock,
  );
}
