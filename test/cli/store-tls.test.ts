import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/cli/open-store.ts';
import { loadStoreTls } from '../../src/cli/tls-files.ts';
import { parseConfig } from '../../src/config/config.ts';
import { readText } from '../../src/config/text-file.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { startRedis } from '../support/redis-server.ts';

/** As if the configuration were beside the certificates. */
const FILE = fileURLToPath(new URL('../support/tls/tollgate.yaml', import.meta.url));

function configured(tls: Readonly<Record<string, string>>, url = 'rediss://127.0.0.1:6379') {
  const settings = {
    store: { kind: 'redis', url, commandTimeout: '5s', tls },
    forward: { upstreams: [{ name: 'api', targets: ['http://127.0.0.1:9001'], paths: ['/'] }] },
  };
  return parseConfig(JSON.stringify(settings), {}, FILE);
}

const load = (tls: Readonly<Record<string, string>>) => loadStoreTls(configured(tls).store, FILE, readText);

describe('store.tls', () => {
  it('names files relative to the configuration, with which Redis is connected to', async () => {
    const server = await startRedis({ tls: true });
    const tls = { ca: 'ca.crt', cert: 'client.crt', key: 'client.key', serverName: 'gateway.example.com' };
    const { store: settings } = configured(tls, server.url);
    const log = createLog('silent');
    const store = await openStore(settings, systemClock, log, { tls: load(tls) });
    expect(await store.trouble()).toBeNull();
    await store.close();
    await server.stop();
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['a file that is not there', { ca: 'none.crt' }, /^store\.tls\.ca: none\.crt cannot be read: /],
    ['a file that is no certificate', { ca: 'make.sh' }, /^store\.tls\.ca: make\.sh must hold .* as PEM$/],
    [
      'what is no pair',
      { cert: 'client.crt', key: 'other.key' },
      /^store\.tls: client\.crt and other\.key are no pair/,
    ],
  ])('with %s is refused in one line before anything is started', (_, tls, line) => {
    expect(() => load(tls)).toThrow(line);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['half of a pair', () => configured({ cert: 'client.crt' }), /must name cert and key, or neither/],
    [
      'a URL without TLS',
      () => configured({ ca: 'ca.crt' }, 'redis://127.0.0.1'),
      /is of no use: store\.url does not begin with rediss/,
    ],
  ])('with %s contradicts itself', (_, make, line) => {
    expect(make).toThrow(line);
  });
});
