import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgePeers } from '../../src/cli/doctor/check-peers.ts';
import { checkFiles, checkNode } from '../../src/cli/doctor/check-process.ts';
import { doctor } from '../../src/cli/doctor/doctor.ts';
import { serve } from '../../src/cli/serve.ts';
import { parseConfig } from '../../src/config/config.ts';
import { parseAddress } from '../../src/domain/address.ts';
import { compileAddressSet } from '../../src/domain/address-set.ts';
import { peerKind } from '../../src/domain/peer-kind.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { startRedis } from '../support/redis-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tollgate-doctor-'));
let upstream: Server;
let upstreamPort: number;

beforeAll(async () => {
  upstream = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => upstream.once('listening', done));
  upstreamPort = (upstream.address() as AddressInfo).port;
});
afterAll(() => {
  upstream.close();
  rmSync(folder, { recursive: true });
});

/** A configuration with nothing wrong, but for what is put in place of its parts. */
function config(parts: Record<string, unknown> = {}): string {
  const file = join(folder, 'tollgate.yaml');
  const settings = {
    listen: { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:9', maxConnections: 100 },
    store: { kind: 'embedded', path: join(folder, 'tollgate.db') },
    forward: { upstreams: [{ name: 'api', targets: [`http://127.0.0.1:${upstreamPort}`], paths: ['/'] }] },
    log: { level: 'silent' },
    ...parts,
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

async function consult(parts: Record<string, unknown> = {}) {
  const lines: string[] = [];
  const code = await doctor(config(parts), {}, systemClock, {
    write: (line: string) => lines.push(line.trimEnd()),
  });
  return { code, lines };
}

const shutDown = { upstreams: [{ name: 'api', targets: ['http://127.0.0.1:9'], paths: ['/'] }] };

describe('tollgate doctor', () => {
  it('says of a store that is not made yet that it will be, and of one that holds an administrator nothing more', async () => {
    const before = await consult();
    const listen = { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0' };
    const serving = await serve(config({ listen }), {}, { write() {} }, 'control');
    await serving.stop();
    const after = await consult();
    const about = ({ lines }: { lines: string[] }) => lines.filter((line) => line.includes('store'));
    expect(before.code).toBe(0);
    expect(about(before)[0]).toContain('will be made at the first start');
    expect(after.code).toBe(0);
    expect(about(after)[0]).toMatch(/^ok {3}store .* can be used$/);
  });

  it('says of a store in a place that cannot be written that it cannot, and exits with 2', async () => {
    const { code, lines } = await consult({
      store: { kind: 'embedded', path: join(folder, 'tollgate.yaml', 'tollgate.db') },
    });
    expect(code).toBe(2);
    expect(lines.find((line) => line.startsWith('FAIL store'))).toContain(
      'tollgate.yaml is no folder that this user may write',
    );
  });

  it('says everything that is wrong with a configuration, and exits with 2', async () => {
    const { code, lines } = await consult({ workers: 0, lgo: {} });
    expect(code).toBe(2);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^FAIL config {6}\S+tollgate\.yaml:\d+:\d+ /);
  });

  it('says of a target that it cannot be reached, and exits with 2', async () => {
    const { code, lines } = await consult({ forward: shutDown });
    expect(code).toBe(2);
    expect(lines.find((line) => line.startsWith('FAIL'))).toMatch(
      /upstream {4}api: http:\/\/127\.0\.0\.1:9 cannot be reached \(.*ECONNREFUSED/,
    );
  });

  it('leaves a file of an older schema as it is, on which an older process may run, and says what a start will do', async () => {
    const path = join(folder, 'older.db');
    const older = new DatabaseSync(path);
    chmodSync(path, 0o600);
    older.exec('PRAGMA user_version = 1; CREATE TABLE user (id TEXT)');
    const { code, lines } = await consult({ store: { kind: 'embedded', path } });
    expect(code).toBe(1);
    expect(lines.find((line) => line.startsWith('warn store'))).toContain(
      'older.db is of schema 1; the first',
    );
    expect(older.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    older.close();
  });

  it('connects to Redis as a start does, with what store.tls names, and says which of its files cannot be used', async () => {
    const redis = await startRedis({ tls: true });
    const files = (name: string) => join(import.meta.dirname, '../support/tls', name);
    const tls = { ca: files('ca.crt'), cert: files('client.crt'), key: files('client.key') };
    const store = { kind: 'redis', url: redis.url, commandTimeout: '5s' };
    const trusted = await consult({
      store: { ...store, tls: { ...tls, serverName: 'gateway.example.com' } },
    });
    await redis.stop();
    const missing = await consult({ store: { ...store, tls: { ca: files('none.crt') } } });
    expect(trusted.lines.filter((line) => line.startsWith('FAIL'))).toEqual([]);
    expect(missing.code).toBe(2);
    expect(missing.lines.find((line) => line.startsWith('FAIL store'))).toMatch(
      /store\.tls\.ca: .* cannot be read/,
    );
  });

  it('says of a Redis what makes it unfit, and of one that is not there that it does not answer', async () => {
    const redis = await startRedis({ args: ['--appendonly', 'no', '--maxmemory-policy', 'allkeys-lru'] });
    const store = { kind: 'redis', url: redis.url };
    const unfit = await consult({ store });
    await redis.stop();
    const gone = await consult({ store });
    expect(unfit.code).toBe(2);
    const said = unfit.lines.filter((line) => line.startsWith('FAIL store')).join('\n');
    expect(said).toContain('appendonly yes');
    expect(said).toContain('maxmemory-policy noeviction');
    expect(gone.code).toBe(2);
    expect(gone.lines.find((line) => line.startsWith('FAIL store'))).toContain(`127.0.0.1:${redis.port}`);
  });

  it('says of a management API that is open to others without TLS that it is', async () => {
    const open = { proxy: '127.0.0.1:0', admin: '0.0.0.0:8081', metrics: '127.0.0.1:9', maxConnections: 100 };
    const { code, lines } = await consult({ listen: open });
    expect(code).toBe(1);
    expect(lines.find((line) => line.startsWith('warn'))).toContain('listens on 0.0.0.0 without TLS');
  });

  it('says of the certificates of the listeners how long they are good, and of those of upstreams whether they are trusted', async () => {
    const files = (name: string) => join(import.meta.dirname, '../support/tls', name);
    const tls = { certificates: [files('upstream.crt')], keys: [files('upstream.key')] };
    const listen = {
      proxy: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      metrics: '127.0.0.1:9',
      maxConnections: 100,
      tls,
    };
    const secure = createTlsServer({
      cert: readFileSync(files('upstream.crt')),
      key: readFileSync(files('upstream.key')),
    });
    secure.listen(0, '127.0.0.1');
    await new Promise((done) => secure.once('listening', done));
    const targets = [`https://localhost:${(secure.address() as AddressInfo).port}`];
    const upstream = (more: object) => ({ upstreams: [{ name: 'api', targets, paths: ['/'], ...more }] });
    const distrusted = await consult({ listen, forward: upstream({}) });
    const trusted = await consult({
      listen,
      forward: upstream({ tls: { ca: files('ca.crt'), serverName: 'upstream.example.com' } }),
    });
    secure.close();
    expect(distrusted.lines.find((line) => line.includes('certificate '))).toMatch(
      /^ok {3}certificate .*is good for \d+ days$/,
    );
    expect(distrusted.lines.find((line) => line.startsWith('FAIL'))).toContain('upstream');
    expect(trusted).toMatchObject({ code: 0 });
  });

  it('shows no secret', async () => {
    const { lines } = await consult({ store: { kind: 'redis', url: 'redis://:hush-hush@127.0.0.1:9' } });
    expect(lines.join('\n')).not.toContain('hush-hush');
  });
});

it.each([
  ['24.21.0', 'ok'],
  ['24.18.1', 'ok'],
  ['25.0.0', 'ok'],
  ['24.18.0', 'unfit'],
  ['24.9.5', 'unfit'],
  ['22.99.9', 'unfit'],
])('Node %s is %s', (version, severity) => {
  expect(checkNode(version).severity).toBe(severity);
});

it.each([
  [10_000, 1, 20_096, 'ok'],
  [10_000, 1, 20_095, 'doubtful'],
  [10_000, 4, 5_096, 'ok'],
  [10_000, 1, 1024, 'doubtful'],
  [10_000, 1, Number.POSITIVE_INFINITY, 'ok'],
  [10_000, 1, null, 'ok'],
])('%s connections over %s workers with %s files are %s', (maxConnections, workers, limit, severity) => {
  const parsed = parseConfig(
    JSON.stringify({
      listen: { maxConnections },
      workers,
      store: { kind: 'redis' },
      forward: { upstreams: [{ name: 'api', targets: ['http://127.0.0.1:1'], paths: ['/'] }] },
    }),
    {},
    'tollgate.yaml',
  );
  expect(checkFiles(parsed, limit).severity).toBe(severity);
});

const metrics = (trusted: number, inside: number, outside: number) =>
  `tollgate_peers_total{kind="trusted"} ${trusted}\ntollgate_peers_total{kind="private"} ${inside}\ntollgate_peers_total{kind="public"} ${outside}\n`;

it.each([
  [0, 7, 0, false, 'doubtful'],
  [0, 7, 0, true, 'ok'],
  [0, 7, 1, false, 'ok'],
  [5, 0, 0, true, 'ok'],
  [0, 0, 0, false, 'ok'],
])(
  'of %s trusted, %s private and %s public peers, with some trusted: %s, it says %s',
  (trusted, inside, outside, some, severity) => {
    expect(judgePeers(metrics(trusted, inside, outside), some).severity).toBe(severity);
  },
);

it.each([
  ['10.1.2.3', 'private'],
  ['172.31.255.255', 'private'],
  ['172.32.0.0', 'public'],
  ['192.168.0.1', 'private'],
  ['100.64.0.1', 'private'],
  ['127.0.0.1', 'private'],
  ['8.8.8.8', 'public'],
  ['::1', 'private'],
  ['fd00::1', 'private'],
  ['fe80::1', 'private'],
  ['2001:db8::1', 'public'],
  ['::ffff:10.0.0.1', 'private'],
  ['203.0.113.5', 'trusted'],
  ['nonsense', 'public'],
])('the peer %s is %s where 203.0.113.0/24 is trusted', (address, kind) => {
  expect(peerKind(parseAddress(address), compileAddressSet(['203.0.113.0/24']))).toBe(kind);
});
