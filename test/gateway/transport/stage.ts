import { afterEach, expect } from 'vitest';
import { startGateway, type TestGateway, type TestGatewayOptions } from '../../support/gateway.ts';
import { dial, type ScriptedUpstream, startScripted, type Wire } from './wire.ts';

/** Gateways, upstreams and clients that are gone when the test is over. */
export interface Stage {
  gateway(options: TestGatewayOptions): Promise<TestGateway>;
  upstream(script: (wire: Wire, index: number) => unknown): Promise<ScriptedUpstream>;
  client(gateway: TestGateway): Promise<Wire>;
}

/** Call once in a test file. After each test everything is closed, and no gateway may have met a bug. */
export function stage(): Stage {
  const closers: (() => unknown)[] = [];
  const gateways: TestGateway[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    expect(gateways.splice(0).flatMap(({ bugs }) => bugs)).toEqual([]);
  });
  return {
    async gateway(options) {
      const gateway = await startGateway(options);
      closers.push(gateway.close);
      gateways.push(gateway);
      return gateway;
    },
    async upstream(script) {
      const upstream = await startScripted(script);
      closers.push(upstream.close);
      return upstream;
    },
    async client({ port }) {
      const wire = await dial(port);
      closers.push(() => wire.socket.destroy());
      return wire;
    },
  };
}
