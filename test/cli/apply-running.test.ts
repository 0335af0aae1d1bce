/** A gateway that runs while files are applied to its store. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Serving, serve } from '../../src/cli/serve.ts';
import { mintSecret } from '../../src/domain/secret.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type ApplySite, applySite } from './apply-site.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

// Nothing that was read goes out of date by itself while the test runs: only a notice can have made the difference.
const CONFIG = `
listen: { proxy: 127.0.0.1:0, metrics: 127.0.0.1:0 }
resolve: { freshFor: 1h, negativeFreshFor: 1h, staleFor: 1h, failures: null }
zone: { trustedProxies: [127.0.0.0/8] }
limit: { unmatched: { max: unlimited } }
log: { level: silent }
`;

const STORES: readonly [string, () => string | null][] = [
  ['embedded', () => null],
  ['redis', () => server.url],
];

describe.each(STORES)('a gateway on the %s store', (_, redisUrl) => {
  let site: ApplySite;
  let serving: Serving;
  beforeEach(async () => {
    site = applySite(redisUrl(), CONFIG);
    serving = await serve(site.configFile, {}, { write: () => {} }, 'gateway');
  });
  afterEach(async () => {
    await serving.stop();
    await site.close();
  });

  const ask = async (secret: string, from: string) => {
    const headers = { authorization: `SSWS ${secret}`, 'x-forwarded-for': from };
    const response = await fetch(`http://127.0.0.1:${serving.proxy?.port}/anything`, { headers });
    await response.body?.cancel();
    return response.status;
  };

  it('acts on what is applied while it runs: tokens, zones, owners and agents', async () => {
    const secret = mintSecret('tg');
    const apply = async (fields: { gateways?: string; user?: string; agent?: string }) => {
      const { code } = await site.apply(
        `users: [{ login: ada@example.com, status: ${fields.user ?? 'ACTIVE'} }]
zones: [{ name: Office, gateways: [${fields.gateways ?? '192.0.2.0/24'}] }]
agents: [{ name: sync, kind: AD, status: ${fields.agent ?? 'ACTIVE'} }]
tokens:
  - name: nightly
    owner: ada@example.com
    secret: ${secret}
    agent: sync
    network: { connection: ZONE, include: [Office] }
`,
        { clock: systemClock },
      );
      expect(code).toBe(0);
    };
    /** Asks until the answer is that; the test's time limit ends a wait in vain. */
    const until = async (status: number, from = '192.0.2.7') => {
      while ((await ask(secret, from)) !== status);
    };

    expect(await ask(secret, '192.0.2.7')).toBe(401);
    await apply({});
    await until(200);
    expect(await ask(secret, '198.51.100.7')).toBe(403);
    await apply({ gateways: '198.51.100.0/24' });
    await until(200, '198.51.100.7');
    await until(403);
    await apply({ user: 'SUSPENDED' });
    await until(401);
    await apply({});
    await until(200);
    await apply({ agent: 'INACTIVE' });
    await until(401);
  });
});
