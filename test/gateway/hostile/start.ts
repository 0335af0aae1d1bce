import { createUpstreams } from '../../../src/gateway/forward/upstreams.ts';
import { LiveStreams } from '../../../src/gateway/live-streams.ts';
import { createWebSocketUpgrades } from '../../../src/gateway/transport/general/websocket.ts';
import type { CreateTransport } from '../../support/gateway.ts';
import { testTls } from '../../support/test-tls.ts';
import { startTlsFront } from '../../support/tls-front.ts';
import { BOUNDS, type RunningTransport, type StartTransport, type TransportParts } from './bed.ts';

/** What the transport hears: of `tls`, clients speak plainly to a front that stands before it, and think it plain. */
export type Speaks = 'plain' | 'tls' | 'h2';

/** What starts a transport in front of the bed's upstream. */
export function starter(create: CreateTransport, speaks: Speaks = 'plain'): StartTransport {
  return (parts) => start(create, parts, speaks);
}

async function start(
  create: CreateTransport,
  parts: TransportParts,
  speaks: Speaks,
): Promise<RunningTransport> {
  const { clock, origin } = parts;
  const upstreams = createUpstreams(
    [
      {
        name: 'strict',
        targets: [origin],
        paths: ['/'],
        probe: null,
        failures: 1_000_000,
        ejectMs: 1_000,
        connectTimeoutMs: 5_000,
        headTimeoutMs: 5_000,
        idleTimeoutMs: 5_000,
        keepAliveMs: 5_000,
      },
    ],
    clock,
  );
  const options = {
    ...parts,
    upstreams,
    limits: {
      maxConnections: 1_000,
      maxConnectionsPerAddress: 1_000,
      headSize: BOUNDS.headSize,
      headTimeoutMs: 10_000,
      bodySize: BOUNDS.bodySize,
      bodyMinRate: null,
      idleTimeoutMs: 10_000,
      stallTimeoutMs: 10_000,
    },
    refusalForm: 'okta' as const,
    http2: speaks === 'h2',
    scheme: speaks === 'h2' ? ('https' as const) : ('http' as const),
    preserveHost: true,
    retries: 1,
    streams: new LiveStreams(),
  };
  const timeLimits = { connectMs: 5_000, headMs: 5_000, idleMs: 60_000, graceMs: 1_000 };
  const upgrades = createWebSocketUpgrades({ ...options, timeLimits });
  const transport = create(options, upgrades);
  const { port } = await transport.listen(0, '127.0.0.1', speaks === 'plain' ? null : testTls());
  const front = speaks === 'tls' ? await startTlsFront(port) : null;
  return {
    port: front?.port ?? port,
    async close() {
      const over = Promise.all([transport.drain(1), upgrades.closeAll(1001, 'the test is over')]);
      clock.advance(10_000);
      await over;
      await front?.close();
      await upstreams.close();
    },
  };
}
