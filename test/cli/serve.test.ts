import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServeRole } from '../../src/cli/role.ts';
import { type Serving, serve } from '../../src/cli/serve.ts';

const SECRET = '00abcdefghijklmnopqrstuvwxyz0123456789ABCDxyz';
const authorization = `SSWS ${SECRET}`;

let folder: string;
let serving: Serving | null;
let shown: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-serve-'));
  serving = null;
  shown = '';
});
afterEach(async () => {
  await serving?.stop();
  rmSync(folder, { recursive: true });
});

async function start(
  role: ServeRole,
  env: Record<string, string> = { TOLLGATE_BOOTSTRAP_TOKEN: SECRET },
  listen: Record<string, string> = {},
) {
  const file = join(folder, 'tollgate.yaml');
  writeFileSync(
    file,
    `
    store: { kind: embedded, path: ${join(folder, 'tollgate.db')} }
    listen: ${JSON.stringify({ proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0', ...listen })}
    forward: { upstreams: [{ name: echo, targets: ["builtin:echo"], paths: [/] }] }
    log: { level: silent }
    `,
  );
  const write = (text: string) => {
    shown += text;
  };
  serving = await serve(file, env, { write }, role);
  return serving;
}

const at = (address: AddressInfo | null, path: string) => `http://127.0.0.1:${address?.port}${path}`;

describe('tollgate serve', () => {
  it('starts both planes, and tells where they are', async () => {
    const { proxy, admin, metrics } = await start('all');
    for (const address of [proxy, admin, metrics]) expect(shown).toContain(`127.0.0.1:${address?.port}`);
    const managed = await fetch(at(admin, '/api/v1/users/me'), { headers: { authorization } });
    expect(await managed.json()).toMatchObject({ profile: { login: 'admin@tollgate.local' } });
  });

  it('never answers for the management API on the proxy port: what is asked there goes to the upstream', async () => {
    const { proxy } = await start('all');
    const forwarded = await fetch(at(proxy, '/api/v1/users/me'), { headers: { authorization } });
    expect(forwarded.status).toBe(200);
    expect(await forwarded.text()).toContain('x-tollgate-user-login');
    expect((await fetch(at(proxy, '/openapi.json'))).status).toBe(403);
  });

  it('as the gateway alone has no management API, and carries traffic', async () => {
    const { proxy, admin } = await start('gateway');
    expect(admin).toBeNull();
    expect((await fetch(at(proxy, '/hello'), { headers: { authorization } })).status).toBe(200);
  });

  it('as the gateway alone makes no administrator that nobody asked for, so that the one of the control plane comes', async () => {
    await start('gateway', {});
    expect(shown).not.toContain('administrator');
    await serving?.stop();
    const { admin } = await start('control');
    expect((await fetch(at(admin, '/api/v1/users/me'), { headers: { authorization } })).status).toBe(200);
  });

  it('as the control plane alone has no proxy, and manages', async () => {
    const { proxy, admin, metrics } = await start('control');
    expect(proxy).toBeNull();
    expect((await fetch(at(admin, '/api/v1/api-tokens'), { headers: { authorization } })).status).toBe(200);
    expect((await fetch(at(metrics, '/readyz'))).status).toBe(200);
    expect((await fetch(at(metrics, '/metrics'))).status).toBe(200);
  });

  it("shows the first administrator's secret once, with a line that works on the management API", async () => {
    await start('control', {});
    const [, secret, url] = /Authorization: (SSWS \S+)" (http:\S+\/api\/v1\/api-tokens)/.exec(shown) ?? [];
    expect((await fetch(url ?? '', { headers: { authorization: secret ?? '' } })).status).toBe(200);
    await serving?.stop();
    shown = '';
    await start('control', {});
    expect(shown).not.toContain('SSWS');
  });

  it('makes what the management API changes hold on the proxy port at once', async () => {
    const { proxy, admin } = await start('all');
    const manage = (method: string, path: string, body?: unknown) =>
      fetch(at(admin, path), {
        method,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const made = await manage('POST', '/api/v1/api-tokens', { name: 'x' });
    const { id, secret } = (await made.json()) as { id: string; secret: string };
    const use = async () =>
      (await fetch(at(proxy, '/hello'), { headers: { authorization: `SSWS ${secret}` } })).status;
    expect(await use()).toBe(200);
    await manage('DELETE', `/api/v1/api-tokens/${id}`);
    expect(await use()).toBe(401);
  });

  it.each(['proxy', 'admin', 'metrics'])(
    'where the address of listen.%s is taken, says so, and has shown the secret that it made',
    async (listener) => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      await expect(start('all', {}, { [listener]: taken })).rejects.toThrow(
        `listen.${listener}: ${taken} is taken by another process: end that, or give another address`,
      );
      other.close();
      const [secret = ''] = /tg_\S+/.exec(shown) ?? [];
      shown = '';
      const { admin } = await start('control', {});
      expect(shown).not.toContain('tg_');
      const asked = fetch(at(admin, '/api/v1/users/me'), { headers: { authorization: `SSWS ${secret}` } });
      expect((await asked).status).toBe(200);
    },
  );

  it('stops in time though a client of the management API never ends its request', async () => {
    const { admin, stop } = await start('control', undefined, { drainTimeout: '100ms' });
    const client = connect(admin?.port ?? 0, '127.0.0.1');
    client.on('error', () => {});
    const gone = once(client, 'close');
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHo');
    // The first is answered, so the second has begun.
    await once(client, 'data');
    await stop();
    await gone;
  });

  it('puts no configuration in force any more once it is told to stop', async () => {
    const { reload, stop } = await start('all');
    const stopped = stop();
    expect(await reload()).toEqual({ applied: false, problems: ['it is being stopped'] });
    await stopped;
  });
});
