import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEvent } from '../../../src/domain/log-event.ts';
import type { RejectionCode } from '../../../src/domain/rejection.ts';
import { type EventSink, type Report, type Store, StoreAway } from '../../../src/domain/store.ts';
import type { Credential } from '../../../src/domain/token.ts';
import { ViolationQueue } from '../../../src/gateway/account/violation-queue.ts';
import { WarningPercent } from '../../../src/gateway/account/warning-percent.ts';
import { type Arrival, permit, type Rejection, reject } from '../../../src/gateway/decision.ts';
import { StageTimes } from '../../../src/gateway/stage-times.ts';
import { openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { aToken, aUser, aZone, MADE_AT } from '../../support/records.ts';

const FLUSH = 1_000;
const MINUTE = 60_000;

/** A real store's sink that counts what reaches it and can be away. */
class SteeredSink implements EventSink {
  calls = 0;
  away = false;
  readonly #sink: EventSink;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  async report(reports: readonly Report[]): Promise<void> {
    this.calls++;
    if (this.away) throw new StoreAway('away, as the test wants it');
    await this.#sink.report(reports);
  }
}

let clock: ManualClock;
let store: Store;
let sink: SteeredSink;
let queues: ViolationQueue[];

beforeEach(async () => {
  clock = manualClock();
  store = await openEmbeddedStore({ path: ':memory:', clock });
  sink = new SteeredSink(store);
  queues = [];
});
afterEach(async () => {
  sink.away = false;
  for (const queue of queues) await queue.close();
  await store.close();
});

function aQueue(size = 100): ViolationQueue {
  const queue = new ViolationQueue(sink, clock, { flushEvery: FLUSH, size });
  queues.push(queue);
  return queue;
}

const owner = aUser({ login: 'ada@example.com' });
const credentialOf = (name: string): Credential => ({
  token: aToken(owner.id, { name, network: { connection: 'ZONE', include: ['nzoOffice'] } }).token,
  owner,
  agent: null,
  share: null,
});
const credential = credentialOf('a token');

const arrival: Arrival = {
  requestId: '0123456789abcdef0123456789abcdef',
  times: new StageTimes(),
  method: 'GET',
  path: '/api/v1/users',
  query: '?secret=42',
  credential: 'tg_secret',
  peer: '10.0.0.1',
  forwardedFor: '192.0.2.7, <script>, 198.51.100.1',
};

const outside = (of = credential, code: RejectionCode = 'zone.outside'): Rejection =>
  reject(code, { credential: of, client: '198.51.100.1', endpoint: 'users' });

function limited(
  scope: 'token' | 'endpoint',
  of = credential,
  endpoint = 'users',
  resetAt = MADE_AT + MINUTE,
) {
  const spent = { admitted: false, scope, limit: 30, remaining: 0, resetAt };
  const facts = { credential: of, client: '192.0.2.7', endpoint, spent, windowSeconds: 60 };
  return reject(`limit.${scope}`, facts);
}

async function events(): Promise<readonly LogEvent[]> {
  const all = { since: null, until: null, after: null, limit: 1000 };
  const page = await store.events({ by: 'persisted', order: 'ascending', ...all });
  return page.items.map(({ event }) => event);
}

describe('a warning', () => {
  const passed = (scope: 'token' | 'endpoint', remaining: number) => {
    const spent = { admitted: true, scope, limit: 30, remaining, resetAt: MADE_AT + MINUTE };
    const endpoint = { name: 'users', max: 60, windowSeconds: 60 };
    const made = permit({ credential, client: '192.0.2.7', endpoint, spent });
    if (made.kind !== 'permit') throw new Error('not a permit');
    return made;
  };

  it.each([
    ['token', 'system.operation.rate_limit.warning'],
    ['endpoint', 'system.org.rate_limit.warning'],
  ] as const)('of the budget of the %s comes at the threshold, once a window', async (scope, eventType) => {
    const queue = aQueue();
    queue.noteSpent(arrival, passed(scope, 13), 60);
    await queue.flush();
    expect(await events()).toEqual([]);
    for (const remaining of [12, 11, 0]) queue.noteSpent(arrival, passed(scope, remaining), 60);
    await queue.flush();
    expect(await events()).toMatchObject([
      { eventType, outcome: { result: 'SUCCESS' }, debugData: { warningPercent: '60', urlPattern: 'users' } },
    ]);
  });

  it('goes by the setting that the store holds, and by 90 percent while there is none', async () => {
    const warning = new WarningPercent(store, clock);
    await warning.read();
    expect(warning.current).toBe(90);
    const value = { warningThreshold: 60 };
    await store.commit([{ put: 'setting', name: 'rate-limit.warning-threshold', value }]);
    clock.advance(10_000);
    await expect.poll(() => warning.current).toBe(60);
    await store.close();
    await warning.read();
    expect(warning.current).toBe(60);
    warning.close();
  });
});

describe('a violation', () => {
  it('by a caller on a blocklist is told once a minute for each blocklist, by nobody and with the address', async () => {
    const queue = aQueue();
    const zone = aZone(['198.51.100.0/24'], { name: 'Noise', usage: 'BLOCKLIST' });
    const blocked = reject('zone.blocked', { client: '198.51.100.1', blockedBy: zone });
    queue.note(arrival, blocked);
    queue.note(arrival, { ...blocked, client: '198.51.100.2' });
    await queue.flush();
    expect(await events()).toMatchObject([
      {
        eventType: 'security.request.blocked',
        actor: { id: 'system' },
        outcome: { result: 'DENY', reason: 'The address chain of 198.51.100.1 holds an address of Noise' },
        target: [{ id: zone.id, type: 'NetworkZone' }],
        transaction: { requestApiTokenId: null },
      },
    ]);
    clock.advance(MINUTE);
    queue.note(arrival, blocked);
    await queue.flush();
    expect(await events()).toHaveLength(2);
  });

  it.each([
    ['token', 'system.operation.concurrency_limit.violation', { operationRateLimitThreshold: '3' }],
    ['endpoint', 'core.concurrency.org.limit.violation', { threshold: '3' }],
  ] as const)(
    'of how many requests a %s may have under way is told once a minute',
    async (scope, eventType, data) => {
      const queue = aQueue();
      const crowded = { scope, limit: 3 };
      const facts = { credential, client: '192.0.2.7', endpoint: 'users', crowded };
      const rejection = reject(`limit.concurrent-${scope}`, facts);
      for (let times = 0; times < 5; times++) queue.note(arrival, rejection);
      await queue.flush();
      expect(await events()).toMatchObject([
        { eventType, severity: 'WARN', outcome: { result: 'DENY' }, debugData: data },
      ]);
      clock.advance(MINUTE);
      queue.note(arrival, rejection);
      await queue.flush();
      expect(await events()).toHaveLength(2);
    },
  );

  it('is forgotten when its time is over, of whatever kind it is', () => {
    const queue = aQueue();
    const resetAt = clock.now() + MINUTE;
    const facts = { credential, client: '192.0.2.7', endpoint: 'users', windowSeconds: 60 };
    const zone = aZone(['198.51.100.0/24'], { usage: 'BLOCKLIST' });
    queue.note(arrival, outside());
    queue.note(arrival, reject('zone.blocked', { client: '198.51.100.1', blockedBy: zone }));
    for (const scope of ['token', 'endpoint'] as const) {
      queue.note(arrival, limited(scope));
      queue.note(arrival, reject(`limit.concurrent-${scope}`, { ...facts, crowded: { scope, limit: 3 } }));
      const spent = { admitted: true, scope, limit: 30, remaining: 0, resetAt };
      const endpoint = { name: 'users', max: 60, windowSeconds: 60 };
      queue.noteSpent(arrival, permit({ credential, client: '192.0.2.7', endpoint, spent }), 60);
    }
    expect(queue.remembered).toBe(8);
    clock.advance(MINUTE);
    expect(queue.remembered).toBe(0);
  });

  it('of a token used from outside its zones is told with who, from where and what, and without secrets', async () => {
    const queue = aQueue();
    queue.note(arrival, outside());
    await queue.flush();
    expect(await events()).toMatchObject([
      {
        eventType: 'system.api_token.request_outside_allowed_range',
        severity: 'WARN',
        published: MADE_AT,
        actor: { id: owner.id, type: 'User', alternateId: 'ada@example.com' },
        outcome: { result: 'DENY', reason: 'Outside the allowed network zones' },
        client: { ipAddress: '198.51.100.1', ipChain: ['192.0.2.7', '198.51.100.1', '10.0.0.1'] },
        target: [
          { id: credential.token.id, type: 'Token' },
          { id: owner.id, type: 'User' },
        ],
        transaction: { type: 'WEB', id: arrival.requestId, requestApiTokenId: credential.token.id },
        debugData: {
          requestUri: '/api/v1/users',
          networkConnection: 'ZONE',
          includedNetworkZones: '[nzoOffice]',
        },
      },
    ]);
    const text = JSON.stringify(await events());
    expect(text).not.toContain('secret');
    expect(text).not.toContain(credential.token.hash);
  });

  it('of an address chain that cannot be judged says so', async () => {
    const queue = aQueue();
    queue.note(arrival, outside(credential, 'zone.undecidable'));
    await queue.flush();
    expect(await events()).toMatchObject([{ outcome: { reason: 'The address chain cannot be judged' } }]);
  });

  it("of a share is told in Okta's terms", async () => {
    const queue = aQueue();
    clock.advance(15_000);
    queue.note(arrival, limited('token'));
    await queue.flush();
    expect(await events()).toMatchObject([
      {
        eventType: 'system.operation.rate_limit.violation',
        outcome: { result: 'DENY' },
        debugData: {
          operationRateLimitType: 'web_request',
          operationRateLimitSubtype: 'ssws_token',
          operationRateLimitScopeType: 'token',
          operationRateLimitThreshold: '30',
          operationRateLimitTimeSpan: '1',
          operationRateLimitTimeUnit: 'MINUTES',
          operationRateLimitSecondsToReset: '45',
          urlPattern: 'users',
        },
      },
    ]);
  });

  it('of an endpoint is told once for everybody in its window', async () => {
    const queue = aQueue();
    queue.note(arrival, limited('endpoint'));
    queue.note(arrival, limited('endpoint', credentialOf('another')));
    queue.note(arrival, limited('endpoint', credential, 'apps'));
    await queue.flush();
    expect((await events()).map(({ eventType, target }) => [eventType, target[0]?.id])).toEqual([
      ['system.org.rate_limit.violation', 'users'],
      ['system.org.rate_limit.violation', 'apps'],
    ]);
  });

  it.each<RejectionCode>(['resolve.unknown', 'listen.timeout', 'forward.connect', 'zone.store-away'])(
    'is not what %s is',
    async (code) => {
      const queue = aQueue();
      queue.note(arrival, reject(code, { credential, endpoint: 'users' }));
      expect(queue.depth).toBe(0);
    },
  );
});

describe('telling once', () => {
  it('tells a thousand requests of one token and window as one event', async () => {
    const queue = aQueue();
    for (let i = 0; i < 1000; i++) {
      queue.note(arrival, outside());
      queue.note(arrival, limited('token'));
    }
    expect(queue.depth).toBe(2);
    await queue.flush();
    expect(await events()).toHaveLength(2);
  });

  it('tells each token, and each endpoint of a token, for itself', async () => {
    const queue = aQueue();
    const other = credentialOf('another');
    for (const each of [credential, other]) {
      queue.note(arrival, outside(each));
      queue.note(arrival, limited('token', each, 'users'));
      queue.note(arrival, limited('token', each, 'apps'));
    }
    await queue.flush();
    expect(await events()).toHaveLength(6);
  });

  it('tells again in the next window', async () => {
    const queue = aQueue();
    queue.note(arrival, outside());
    queue.note(arrival, limited('token'));
    clock.advance(MINUTE - 1);
    queue.note(arrival, outside());
    queue.note(arrival, limited('token'));
    await queue.flush();
    expect(await events()).toHaveLength(2);
    clock.advance(1);
    queue.note(arrival, outside());
    queue.note(arrival, limited('token', credential, 'users', MADE_AT + 2 * MINUTE));
    await queue.flush();
    expect(await events()).toHaveLength(4);
  });

  it('tells what several gateways see as one event', async () => {
    const gateways = [aQueue(), aQueue(), aQueue()];
    for (const queue of gateways) {
      queue.note(arrival, outside());
      queue.note(arrival, limited('token'));
      await queue.flush();
    }
    expect(await events()).toHaveLength(2);
  });
});

describe('the queue', () => {
  it('writes by itself, and writes nothing when nothing waits', async () => {
    const queue = aQueue();
    clock.advance(10 * FLUSH);
    expect(sink.calls).toBe(0);
    queue.note(arrival, outside());
    clock.advance(FLUSH);
    await queue.flush();
    expect(sink.calls).toBe(1);
    expect(queue.depth).toBe(0);
  });

  it('keeps what a store that is away does not take, and writes it later, once', async () => {
    const queue = aQueue();
    sink.away = true;
    queue.note(arrival, outside());
    await expect(queue.flush()).rejects.toThrow(StoreAway);
    expect(queue.depth).toBe(1);
    sink.away = false;
    await queue.flush();
    await queue.flush();
    expect(await events()).toHaveLength(1);
  });

  it('drops and counts what no longer fits', async () => {
    const queue = aQueue(2);
    for (let i = 0; i < 5; i++) queue.note(arrival, outside(credentialOf(`token ${i}`)));
    expect(queue.depth).toBe(2);
    expect(queue.dropped).toBe(3);
    await queue.flush();
    expect(await events()).toHaveLength(2);
  });

  it('writes what is left when it is closed', async () => {
    const queue = aQueue();
    queue.note(arrival, outside());
    await queue.close();
    expect(await events()).toHaveLength(1);
  });
});
