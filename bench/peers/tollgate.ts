import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { newId } from '../../src/domain/ids.ts';
import { secretIndex } from '../../src/domain/secret.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { freePort } from '../../test/support/free-port.ts';
import { NODE_FLAGS } from '../../test/support/node-flags.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { builtProgram } from '../built.ts';
import { requestHeaders } from '../request.ts';
import { addRecords } from '../tollgate/records.ts';
import type { RunningPeer } from './peers.ts';
import { ProcessTree } from './process-tree.ts';
import { accepts, ENDPOINTS, GATEWAY_CORE, MAX, SPENT, type Surroundings } from './surroundings.ts';

/** More of the configuration than all rows have. */
type Settings = Readonly<Record<string, unknown>> & { readonly forward?: Readonly<Record<string, unknown>> };

/** `tollgate serve` with what a user would write; the rest is at its default. @param settings more of the configuration @param core on which it runs; null for any */
export async function startTollgate(
  { folder, upstream, secrets }: Surroundings,
  settings: Settings,
  core: number | null = GATEWAY_CORE,
): Promise<RunningPeer> {
  const redis = await startRedis();
  await addTokens(redis.url, secrets);
  const port = await freePort();
  const config = {
    listen: { proxy: `127.0.0.1:${port}`, admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
    store: { kind: 'redis', url: redis.url },
    // All of the load has one address, which would be refused for its bad tokens, and then for its good ones.
    resolve: { failures: null },
    zone: { trustedProxies: ['127.0.0.0/8'] },
    endpoints: [
      ...ENDPOINTS.map(({ name, rule }) => ({ name, match: rule, max: MAX, window: '60s' })),
      { name: 'spent', match: `GET ${SPENT}`, max: 1, window: '1h' },
    ],
    limit: { unmatched: { max: MAX } },
    ...settings,
    forward: {
      ...settings.forward,
      upstreams: [{ name: 'api', targets: [`http://${upstream}`], paths: ['/'] }],
    },
  };
  const file = path.join(folder, `tollgate-${port}.yaml`);
  writeFileSync(file, JSON.stringify(config));
  const args = [...NODE_FLAGS, await builtProgram(), 'serve', '--config', file, '--role', 'gateway'];
  const tree = ProcessTree.start(process.execPath, args, core);
  const end = () => tree.end().then(() => redis.stop());
  try {
    await accepts(port, tree);
    await fetch(`http://127.0.0.1:${port}${SPENT}`, { headers: requestHeaders(secrets[0] ?? '') });
  } catch (error) {
    await end();
    throw error;
  }
  return { origin: `http://127.0.0.1:${port}`, tree, end };
}

/** All tokens of one owner, bound to one zone. */
async function addTokens(url: string, secrets: readonly string[]): Promise<void> {
  const [first = '', ...others] = secrets;
  const store = await openRedisStore({ url, prefix: 'tg:', commandTimeoutMs: 10_000, clock: systemClock });
  const { token } = await addRecords(store, first, true);
  await store.commit(
    others.map((secret, at) => ({
      put: 'token',
      token: { ...token, id: newId('00T'), name: `bench ${at}`, hash: secretIndex(secret, null) },
    })),
  );
  await store.close();
}
