/** The rows: what users of Tollgate would take instead, and Tollgate, each in processes of its own. */
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/free-port.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { isInstalled, ProcessTree } from './process-tree.ts';
import { accepts, GATEWAY_CORE, MAX, SHARE, type Surroundings, writeConfig } from './surroundings.ts';
import { startTollgate } from './tollgate.ts';

export interface RunningPeer {
  readonly origin: string;
  readonly tree: ProcessTree;
  end(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  readonly does: string;
  /** Whether it judges tokens; what only forwards has no refusals. */
  readonly enforces: boolean;
  /** Commands that it needs, each with the Debian package that brings it. */
  readonly needs: Readonly<Record<string, string>>;
  start(around: Surroundings): Promise<RunningPeer>;
}

const HAPROXY = { haproxy: 'haproxy' };
const NGINX = { nginx: 'nginx' };
const NGINX_LUA = { nginx: 'nginx, libnginx-mod-http-lua and lua-nginx-redis' };
const REDIS = { 'redis-server': 'redis-server' };
const here = fileURLToPath(new URL('.', import.meta.url));

export const PEERS: readonly Peer[] = [
  {
    name: 'nginx-forward',
    does: 'nginx, forward only',
    enforces: false,
    needs: NGINX,
    start: (around) => startNginx('nginx-forward.conf', around, {}),
  },
  {
    name: 'haproxy-forward',
    does: 'HAProxy, forward only',
    enforces: false,
    needs: HAPROXY,
    start: (around) => startHaproxy('haproxy-forward.cfg', around),
  },
  {
    name: 'haproxy',
    does: 'HAProxy: SHA-256, maps and stick tables in its memory',
    enforces: true,
    needs: HAPROXY,
    start: (around) => startHaproxy('haproxy.cfg', around),
  },
  {
    name: 'nginx-lua',
    does: 'nginx + Lua: cache in the worker, counters in a shared dict',
    enforces: true,
    needs: NGINX_LUA,
    start: (around) => startNginx('nginx-lua.conf', around, { counters: 'here', redis_port: 0 }),
  },
  {
    name: 'nginx-lua-redis',
    does: 'nginx + Lua: counters in Redis, asked for each request',
    enforces: true,
    needs: { ...NGINX_LUA, ...REDIS },
    async start(around) {
      const redis = await startRedis();
      const peer = await startNginx('nginx-lua.conf', around, { counters: 'redis', redis_port: redis.port });
      return { ...peer, end: () => peer.end().then(() => redis.stop()) };
    },
  },
  {
    name: 'fastify-http-proxy',
    does: '@fastify/http-proxy, forward only',
    enforces: false,
    needs: {},
    async start({ upstream }) {
      const port = await freePort();
      const file = fileURLToPath(new URL('fastify-http-proxy.ts', import.meta.url));
      const tree = ProcessTree.start(process.execPath, [file, String(port), upstream], GATEWAY_CORE);
      return running(port, tree);
    },
  },
  {
    name: 'tollgate',
    does: 'Tollgate: limits shared through Redis, everything on',
    enforces: true,
    needs: REDIS,
    start: (around) => startTollgate(around, {}),
  },
  {
    name: 'tollgate-log',
    does: 'Tollgate, and every request a line in the log',
    enforces: true,
    needs: REDIS,
    start: (around) => startTollgate(around, { log: { access: true } }),
  },
  {
    name: 'tollgate-pipelining',
    does: 'Tollgate, and up to 8 requests under way over one connection to the upstream',
    enforces: true,
    needs: REDIS,
    start: (around) => startTollgate(around, { forward: { pipelining: 8 } }),
  },
];

/** The packages that are missing for a peer, in words; null when it can run. */
export function missing({ needs }: Peer): string | null {
  const absent = Object.entries(needs).filter(([command]) => !isInstalled(command));
  return absent.length === 0 ? null : `Debian's ${absent.map(([, name]) => name).join(', ')} would bring it`;
}

async function startHaproxy(config: string, around: Surroundings): Promise<RunningPeer> {
  const port = await freePort();
  const { folder, upstream } = around;
  const file = writeConfig(folder, config, { folder, upstream, port, max: MAX, share: SHARE });
  return running(port, ProcessTree.start('haproxy', ['-f', file], GATEWAY_CORE));
}

async function startNginx(
  config: string,
  { folder, upstream }: Surroundings,
  facts: Readonly<Record<string, string | number>>,
): Promise<RunningPeer> {
  const port = await freePort();
  const all = { folder, upstream, port, max: MAX, share: SHARE, peers: here, ...facts };
  const file = writeConfig(folder, config, all);
  const tree = ProcessTree.start(
    'nginx',
    ['-c', file, '-p', folder, '-e', `${folder}/error.log`],
    GATEWAY_CORE,
  );
  return running(port, tree);
}

async function running(port: number, tree: ProcessTree): Promise<RunningPeer> {
  try {
    await accepts(port, tree);
  } catch (error) {
    await tree.end();
    throw error;
  }
  return { origin: `http://127.0.0.1:${port}`, tree, end: () => tree.end() };
}
