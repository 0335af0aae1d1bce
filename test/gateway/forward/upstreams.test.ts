import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Choice,
  createUpstreams,
  type UpstreamOptions,
  type Upstreams,
} from '../../../src/gateway/forward/upstreams.ts';
import { manualClock } from '../../support/manual-clock.ts';

const A = 'http://127.0.0.1:1';
const B = 'http://127.0.0.1:2';
const C = 'http://127.0.0.1:3';

const clock = manualClock();
const open: Upstreams[] = [];
const servers: Server[] = [];
afterEach(async () => {
  for (const upstreams of open.splice(0)) await upstreams.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

function upstream(facts: Partial<UpstreamOptions>): UpstreamOptions {
  return {
    name: 'api',
    targets: [A],
    paths: ['/'],
    connectTimeoutMs: 1_000,
    headTimeoutMs: 1_000,
    idleTimeoutMs: 1_000,
    keepAliveMs: 1_000,
    failures: 2,
    ejectMs: 10_000,
    probe: null,
    ...facts,
  };
}

function opened(...options: readonly Partial<UpstreamOptions>[]): Upstreams {
  const upstreams = createUpstreams(options.map(upstream), clock);
  open.push(upstreams);
  return upstreams;
}

function chosen(upstreams: Upstreams, path: string, except?: string): Choice {
  const choice = upstreams.choose(path, except);
  if (typeof choice === 'string') throw new Error(choice);
  return choice;
}

describe('the upstream of a path', () => {
  const names = (upstreams: Upstreams, ...paths: readonly string[]) =>
    paths.map((path) => {
      const choice = upstreams.choose(path);
      return typeof choice === 'string' ? choice : choice.upstream;
    });

  it('is the one with the longest prefix that covers it, in whole segments', () => {
    const upstreams = opened(
      { name: 'root', paths: ['/'] },
      { name: 'api', paths: ['/api', '/other/'] },
      { name: 'users', paths: ['/api/v1/users'] },
    );
    expect(names(upstreams, '/', '/api', '/api/', '/api/v1', '/apix')).toEqual([
      'root',
      'api',
      'api',
      'api',
      'root',
    ]);
    expect(names(upstreams, '/api/v1/users', '/api/v1/users/1', '/api/v1/users2')).toEqual([
      'users',
      'users',
      'api',
    ]);
    expect(names(upstreams, '/other', '/other/a', '/others', '/API')).toEqual(['api', 'api', 'root', 'root']);
  });

  it('is none when no prefix covers it', () => {
    expect(names(opened({ paths: ['/api'] }), '/', '/ap', '/api')).toEqual([
      'forward.no-route',
      'forward.no-route',
      'api',
    ]);
  });
});

describe('the target of a request', () => {
  it('is told as an origin and as the Host it goes by', () => {
    expect(chosen(opened({ targets: ['https://api.example'] }), '/')).toMatchObject({
      origin: 'https://api.example',
      host: 'api.example',
    });
    expect(chosen(opened({ targets: ['http://[::1]:81'] }), '/')).toMatchObject({ host: '[::1]:81' });
  });

  it('is an origin and no more, or nothing starts', () => {
    for (const target of ['http://a/b', 'ftp://a', 'http://u@a', 'a:80', 'http://a/']) {
      expect(() => createUpstreams([upstream({ targets: [target] })], clock)).toThrow(TypeError);
    }
  });

  it('is the less busy of two', () => {
    const upstreams = opened({ targets: [A, B] });
    const first = chosen(upstreams, '/');
    const second = chosen(upstreams, '/');
    expect([first.origin, second.origin].sort()).toEqual([A, B]);
    first.done('answered');
    expect(chosen(upstreams, '/').origin).toBe(first.origin);
  });

  it('is another than the one that has just failed, while there is another', () => {
    const upstreams = opened({ targets: [A, B] });
    for (let draw = 0; draw < 50; draw += 1) expect(chosen(upstreams, '/', A).origin).toBe(B);
    expect(chosen(opened({ targets: [A] }), '/', A).origin).toBe(A);
  });

  it('is none that has failed too often in a row, until it has answered a trial', () => {
    const upstreams = opened({ targets: [A, B] });
    for (let failure = 0; failure < 2; failure += 1) chosen(upstreams, '/', B).done('failed');
    expect(upstreams.targets()).toMatchObject([{ health: 'ejected' }, { health: 'up' }]);
    for (let draw = 0; draw < 50; draw += 1) expect(chosen(upstreams, '/').origin).toBe(B);
    clock.advance(10_000);
    const trial = chosen(upstreams, '/', B);
    expect(trial.origin).toBe(A);
    // While the trial is under way nobody else is sent there.
    expect(chosen(upstreams, '/', B).origin).toBe(B);
    trial.answered();
    expect(upstreams.targets()).toMatchObject([{ health: 'up', busy: 1 }, { health: 'up' }]);
  });

  it('is the last one standing, however often it has failed', () => {
    const upstreams = opened({ targets: [A, B, C] });
    for (let failure = 0; failure < 60; failure += 1) chosen(upstreams, '/').done('failed');
    const states = upstreams.targets().map(({ health }) => health);
    expect(states.filter((state) => state === 'up').length).toBe(1);
    expect(chosen(upstreams, '/').origin).toBe([A, B, C][states.indexOf('up')]);
  });

  it('is counted as busy until it is done', () => {
    const upstreams = opened({ targets: [A] });
    const choices = [chosen(upstreams, '/'), chosen(upstreams, '/')];
    expect(upstreams.targets()).toEqual([{ upstream: 'api', origin: A, health: 'up', busy: 2 }]);
    for (const choice of choices) choice.done('abandoned');
    expect(upstreams.targets()).toEqual([{ upstream: 'api', origin: A, health: 'up', busy: 0 }]);
  });
});

describe('a probed target', () => {
  /** A target whose probes are answered with `status`, and the number of those it has seen. */
  async function probed() {
    const state = { status: 200, seen: 0, asked: () => {} };
    const server = createServer((_req, res) => {
      state.seen += 1;
      res.writeHead(state.status).end();
      state.asked();
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return { state, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  /** Advances from probe to probe until the target is in this state. */
  async function until(upstreams: Upstreams, health: string): Promise<void> {
    while (upstreams.targets()[0]?.health !== health) {
      clock.advance(1_000);
      await new Promise(setImmediate);
    }
  }

  const probe = { path: '/healthz', everyMs: 1_000, timeoutMs: 1_000 };

  it('is left out while its probes fail, and used again when one is answered', async () => {
    const { state, origin } = await probed();
    const upstreams = opened({ targets: [origin], probe });
    expect(upstreams.choose('/')).toMatchObject({ origin });
    state.status = 500;
    await until(upstreams, 'down');
    expect(upstreams.choose('/')).toBe('forward.no-target');
    state.status = 204;
    await until(upstreams, 'up');
    expect(upstreams.choose('/')).toMatchObject({ origin });
  });

  it('is left out when nobody listens there', async () => {
    const upstreams = opened({ targets: [A], probe });
    await until(upstreams, 'down');
    expect(upstreams.choose('/')).toBe('forward.no-target');
  });

  it('is probed again when the body of an answer does not end', async () => {
    let seen = 0;
    const server = createServer((_req, res) => {
      seen += 1;
      const drip = setInterval(() => res.write('.'), 20);
      res.once('close', () => clearInterval(drip));
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const upstreams = opened({ targets: [origin], probe: { ...probe, timeoutMs: 200 } });
    await expect
      .poll(() => {
        clock.advance(1_000);
        return seen;
      })
      .toBeGreaterThan(1);
    expect(upstreams.targets()).toMatchObject([{ health: 'up' }]);
  });

  it('is not probed any more when the upstreams are closed', async () => {
    const { state, origin } = await probed();
    const upstreams = createUpstreams([upstream({ targets: [origin], probe })], clock);
    await new Promise<void>((resolve) => {
      state.asked = resolve;
    });
    await upstreams.close();
    const seen = state.seen;
    clock.advance(10_000);
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(state.seen).toBe(seen);
  });
});
