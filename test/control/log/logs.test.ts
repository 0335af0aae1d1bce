import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LogEvent, logEvent, tokenParty, userParty } from '../../../src/domain/log-event.ts';
import type { LogEventType } from '../../../src/domain/log-event-types.ts';
import { openRedisStore } from '../../../src/store/redis/store.ts';
import { aToken, aUser, MADE_AT } from '../../support/records.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { type ControlPlane, type Reply, startControlPlane } from '../control-plane.ts';

const LOGS = '/api/v1/logs';
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const GENEROUS = 'control: { limit: { max: 1000000 } }';
const iso = (time: number) => new Date(time).toISOString();

const actor = aUser({ login: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' });
const { token } = aToken(actor.id, { name: 'deployment' });

function eventAt(published: number, eventType: LogEventType = 'zone.update', text = ''): LogEvent {
  return logEvent({
    eventType,
    actor,
    tokenId: token.id,
    targets: [tokenParty(token), userParty(actor)],
    debugData: { text, url: '/api/v1/zones' },
    client: { ipAddress: '192.0.2.7', ipChain: ['192.0.2.7', '2001:db8::1'], userAgent: 'curl/8.5' },
    requestId: '0123456789abcdef0123456789abcdef',
    now: published,
  });
}

let plane: ControlPlane;

const append = (...events: LogEvent[]) =>
  plane.store.commit(events.map((event) => ({ append: 'event', event })));
const ask = (parameters: Record<string, string> = {}) =>
  plane.admin.ask('GET', `${LOGS}?${new URLSearchParams(parameters)}`);

function uuids({ status, body }: Reply): string[] {
  expect(status).toBe(200);
  return (body as LogEvent[]).map(({ uuid }) => uuid);
}

function nextOf({ headers }: Reply): string | null {
  return /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1] ?? null;
}

/** Asks for what a link leads to. */
function follow(link: string | null): Promise<Reply> {
  if (link === null) throw new Error('there is no next link');
  return plane.admin.ask('GET', link.slice(plane.origin.length));
}

/** Every page from the first answer on. */
async function pagesFrom(first: Reply): Promise<Reply[]> {
  const replies = [first];
  for (let next = nextOf(first); next !== null; ) {
    const reply = await follow(next);
    replies.push(reply);
    next = nextOf(reply);
  }
  return replies;
}

describe('the System Log over the API', () => {
  beforeAll(async () => {
    plane = await startControlPlane(GENEROUS);
  });
  afterAll(() => plane.close());
  beforeEach(() => plane.store.purgeEventsBefore(Number.MAX_SAFE_INTEGER));

  it("gives an event in Okta's form", async () => {
    const event = eventAt(MADE_AT, 'system.api_token.create');
    await append(event);
    const { body } = await ask();
    expect(body).toEqual([
      {
        actor: {
          id: actor.id,
          type: 'User',
          alternateId: 'ada@example.com',
          displayName: 'Ada Lovelace',
          detailEntry: null,
        },
        client: {
          userAgent: { rawUserAgent: 'curl/8.5', os: 'Unknown', browser: 'UNKNOWN' },
          zone: 'null',
          device: 'Unknown',
          id: null,
          ipAddress: '192.0.2.7',
          geographicalContext: null,
        },
        device: null,
        authenticationContext: {
          authenticationProvider: null,
          credentialProvider: null,
          credentialType: null,
          issuer: null,
          interface: null,
          authenticationStep: 0,
          externalSessionId: 'unknown',
        },
        displayMessage: 'Create API token',
        eventType: 'system.api_token.create',
        outcome: { result: 'SUCCESS', reason: null },
        published: '2026-01-01T00:00:00.000Z',
        securityContext: { asNumber: null, asOrg: null, isp: null, domain: null, isProxy: null },
        severity: 'INFO',
        debugContext: {
          debugData: { requestId: '0123456789abcdef0123456789abcdef', text: '', url: '/api/v1/zones' },
        },
        legacyEventType: 'api.token.create',
        transaction: {
          type: 'WEB',
          id: '0123456789abcdef0123456789abcdef',
          detail: { requestApiTokenId: token.id },
        },
        uuid: event.uuid,
        version: '0',
        request: {
          ipChain: [
            { ip: '192.0.2.7', geographicalContext: null, version: 'V4', source: null },
            { ip: '2001:db8::1', geographicalContext: null, version: 'V6', source: null },
          ],
        },
        target: [
          {
            id: token.id,
            type: 'Token',
            alternateId: 'unknown',
            displayName: 'deployment',
            detailEntry: { clientAppId: 'Okta API' },
          },
          {
            id: actor.id,
            type: 'User',
            alternateId: 'ada@example.com',
            displayName: 'Ada Lovelace',
            detailEntry: null,
          },
        ],
      },
    ]);
  });

  it('names no client for what no request caused', async () => {
    await append(
      logEvent({
        eventType: 'system.api_token.revoke',
        actor: 'system',
        tokenId: null,
        targets: [tokenParty(token)],
        requestId: null,
        now: MADE_AT,
      }),
    );
    expect((await ask()).body).toMatchObject([
      {
        actor: { type: 'SystemPrincipal' },
        client: { userAgent: null, ipAddress: null, zone: null },
        transaction: { type: 'JOB', id: null, detail: {} },
        request: { ipChain: [] },
      },
    ]);
  });

  describe('following the log', () => {
    it('gives a next link with every answer, even an empty one, and misses nothing between two', async () => {
      let reply = await ask();
      expect(uuids(reply)).toEqual([]);
      for (let round = 0; round < 3; round++) {
        // What comes late is given all the same.
        const events = [eventAt(MADE_AT + round * MINUTE), eventAt(MADE_AT - 20 * DAY)];
        await append(...events);
        reply = await follow(nextOf(reply));
        expect(uuids(reply)).toEqual(events.map(({ uuid }) => uuid));
        reply = await follow(nextOf(reply));
        expect(uuids(reply)).toEqual([]);
      }
    });

    it('pages by the limit, and drops since from the next link', async () => {
      const events = Array.from({ length: 5 }, (_, i) => eventAt(MADE_AT + i));
      await append(...events);
      const first = await ask({ since: iso(MADE_AT - DAY), limit: '2', filter: 'actor.type eq "User"' });
      const next = new URL(nextOf(first) ?? '');
      expect([...next.searchParams.keys()].toSorted()).toEqual(['after', 'filter', 'limit']);
      const second = await follow(next.href);
      const third = await follow(nextOf(second));
      expect([first, second, third].flatMap(uuids)).toEqual(events.map(({ uuid }) => uuid));
    });

    it('takes a limit of 0 for a place to begin', async () => {
      await append(eventAt(MADE_AT));
      const reply = await ask({ limit: '0' });
      expect(uuids(reply)).toEqual([]);
      expect(nextOf(reply)).not.toBeNull();
    });

    it('gets past what a filter leaves out, however much', async () => {
      const others = Array.from({ length: 1_200 }, (_, i) => eventAt(MADE_AT + i));
      const wanted = eventAt(MADE_AT + 5_000, 'zone.create');
      await append(...others, wanted);
      const reply = await ask({ filter: 'eventType eq "zone.create"' });
      expect(uuids(reply)).toEqual([wanted.uuid]);
      expect(uuids(await follow(nextOf(reply)))).toEqual([]);
    });
  });

  it('looks at no more than ten thousand events for one answer, and goes on with the next', async () => {
    const others = Array.from({ length: 10_000 }, (_, i) => eventAt(MADE_AT + i));
    const wanted = eventAt(MADE_AT + MINUTE, 'zone.create');
    await append(...others, wanted);
    const asked = { filter: 'eventType eq "zone.create"', since: iso(MADE_AT), until: iso(MADE_AT + DAY) };
    const first = await ask(asked);
    expect(uuids(first)).toEqual([]);
    const second = await follow(nextOf(first));
    expect(uuids(second)).toEqual([wanted.uuid]);
    expect(nextOf(second)).toBeNull();
  });

  describe('a query with an end', () => {
    const range = { since: iso(MADE_AT), until: iso(MADE_AT + 5 * MINUTE) };
    let events: LogEvent[];
    beforeEach(async () => {
      events = [5, 3, 0, 4, 1, -1].map((minutes) => eventAt(MADE_AT + minutes * MINUTE));
      await append(...events);
    });
    const inRange = () =>
      events
        .filter(({ published }) => published >= MADE_AT && published < MADE_AT + 5 * MINUTE)
        .toSorted((a, b) => a.published - b.published)
        .map(({ uuid }) => uuid);

    it.each(['1', '2', '3', '4', '100'])(
      'is in the order of happening, and its last page has no next link: by %s',
      async (limit) => {
        for (const sortOrder of ['ASCENDING', 'DESCENDING']) {
          const replies = await pagesFrom(await ask({ ...range, limit, sortOrder }));
          const expected = sortOrder === 'ASCENDING' ? inRange() : inRange().toReversed();
          expect(replies.flatMap(uuids)).toEqual(expected);
          for (const reply of replies) expect(uuids(reply).length).toBeLessThanOrEqual(Number(limit));
        }
      },
    );

    it('is also one that is descending and names no end', async () => {
      plane.clock.advance(4.5 * MINUTE);
      const replies = await pagesFrom(await ask({ sortOrder: 'DESCENDING', limit: '2' }));
      plane.clock.advance(-4.5 * MINUTE);
      const newestFirst = events.toSorted((a, b) => b.published - a.published).map(({ uuid }) => uuid);
      expect(replies.flatMap(uuids)).toEqual(newestFirst);
    });

    it('begins 7 days before its end unless it says where', async () => {
      await append(eventAt(MADE_AT - 6 * DAY), eventAt(MADE_AT - 8 * DAY));
      expect(uuids(await ask({ until: iso(MADE_AT) }))).toHaveLength(2);
    });

    it.each([
      ['a day', '2026-01-01', '2026-01-02'],
      ['a moment to the second', '2026-01-01T00:00:00Z', '2026-01-01T00:05:00Z'],
      ['a moment with an offset', '2026-01-01T01:00:00.000+01:00', '2025-12-31T23:05:00-01:00'],
      ['a moment without a zone, which is UTC', '2026-01-01T00:00:00.000', '2026-01-01T00:05'],
    ])('takes %s', async (_, since, until) => {
      expect(new Set(uuids(await ask({ since, until })))).toEqual(
        until === '2026-01-02' ? new Set([...inRange(), events[0]?.uuid]) : new Set(inRange()),
      );
    });
  });

  describe('keywords', () => {
    it.each([
      ['deployment', true],
      ['DEPLOY', true],
      ['deployment ada@example.com', true],
      ['deployment bob', false],
      ['192.0.2.7', true],
      ['zone.update', true],
      ['requestApiTokenId', false],
    ])('%s are found in any value, in any case, all of them', async (q, found) => {
      await append(eventAt(MADE_AT));
      expect(uuids(await ask({ q }))).toHaveLength(Number(found));
    });
  });

  describe('a filter', () => {
    const cases: readonly [string, boolean][] = [
      ['eventType eq "zone.update"', true],
      ['eventType EQ "ZONE.UPDATE" AND NOT (severity eq "WARN")', true],
      ['eventType sw "zone." and outcome.result ne "FAILURE"', true],
      [`target.id eq "${token.id}"`, true],
      [`target.id eq "${token.id.toLowerCase()}"`, false],
      [`transaction.detail.requestApiTokenId eq "${token.id}"`, true],
      ['target.type eq "Token" and target.type eq "User"', true],
      ['target.type eq "NetworkZone"', false],
      ['request.ipChain.ip eq "2001:db8::1"', true],
      ['client.userAgent.rawUserAgent co "curl"', true],
      ['debugContext.debugData.text eq "x"', true],
      ['debugContext.debugData.url eq "/api/v1/zones"', true],
      ['debugContext.debugData.nothing pr', false],
      ['outcome.reason eq null', true],
      ['uuid pr', true],
    ];

    it.each(cases)('%s', async (filter, found) => {
      await append(eventAt(MADE_AT, 'zone.update', 'x'));
      expect(uuids(await ask({ filter }))).toHaveLength(Number(found));
    });
  });

  describe('what cannot be asked', () => {
    const dates = (name: string) => ({
      errorCode: 'E0000001',
      errorSummary:
        `Api validation failed: '${name}': The date format in your query is not recognized. Please enter dates using ISO8601 string format.. ` +
        `'${name}': must be a valid date-time or empty.`,
      errorCauses: [
        {
          errorSummary: `${name}: The date format in your query is not recognized. Please enter dates using ISO8601 string format.`,
        },
        { errorSummary: `${name}: must be a valid date-time or empty.` },
      ],
    });
    const scim = (errorSummary: string) => ({ errorCode: 'E0000053', errorSummary });
    const cursor = { errorCode: 'E0000029', errorCauses: [{ errorSummary: 'Invalid cursor.' }] };

    it.each<[string, Record<string, string>, object]>([
      [
        'an operator that there is not',
        { filter: 'eventType eqq "x"' },
        scim(
          `Invalid filter 'eventType eqq "x"': Unrecognized attribute operator 'eqq' at position 10. Expected: eq,co,sw,pr,gt,ge,lt,le`,
        ),
      ],
      [
        'an operator that there is not, as Okta documents it',
        { filter: 'display_message eqq "Create okta user"' },
        scim(
          `Invalid filter 'display_message eqq "Create okta user"': Unrecognized attribute operator 'eqq' at position 16. Expected: eq,co,sw,pr,gt,ge,lt,le`,
        ),
      ],
      [
        'a field that there is not',
        { filter: 'some_invalid_field eq "x"' },
        scim('field is not valid: some_invalid_field'),
      ],
      ['published', { filter: 'published gt "2026-01-01T00:00:00Z"' }, scim('field is not valid: published')],
      [
        'a search within a URL',
        { filter: 'debugContext.debugData.url co "/oauth/"' },
        {
          errorCode: 'E0000031',
          errorSummary:
            'The supplied combination of operator and field is not currently supported. Operator: co, Field: debugContext.debugData.url',
        },
      ],
      [
        'too long ago',
        { since: iso(MADE_AT - 181 * DAY) },
        scim('Invalid parameter: The since parameter is over 180 days prior to the current day.'),
      ],
      ['since with after', { since: iso(MADE_AT), after: '1_1' }, { errorCode: 'E0000053' }],
      ['a since that is no moment', { since: 'yesterday' }, dates('since')],
      ['an until that is no moment', { until: '2026-02-30' }, dates('until')],
      ['an until in seconds', { until: '1767225600' }, dates('until')],
      ['a limit beyond 1000', { limit: '1001' }, { errorCode: 'E0000001' }],
      ['a negative limit', { limit: '-1' }, { errorCode: 'E0000001' }],
      ['a limit that is no number', { limit: 'all' }, { errorCode: 'E0000001' }],
      ['another order', { sortOrder: 'up' }, { errorCode: 'E0000001' }],
      ['eleven keywords', { q: 'a b c d e f g h i j k' }, { errorCode: 'E0000001' }],
      ['a keyword of 41 characters', { q: 'x'.repeat(41) }, { errorCode: 'E0000001' }],
      ['a forged cursor', { after: 'forged' }, cursor],
      ['a cursor of another order', { after: '1_1', until: iso(MADE_AT) }, cursor],
      ['a cursor with more than numbers', { after: '1_1; DROP TABLE event' }, cursor],
      ['a cursor of endless digits', { after: `${'9'.repeat(400)}_1` }, cursor],
    ])('is refused: %s', async (_, parameters, error) => {
      const reply = await ask(parameters);
      expect(reply.status).toBe(400);
      expect(reply.body).toMatchObject(error);
    });

    it('is refused when a parameter is given twice', async () => {
      const reply = await plane.admin.ask('GET', `${LOGS}?limit=1&limit=2`);
      expect(reply).toMatchObject({ status: 400, body: { errorCode: 'E0000001' } });
    });
  });
});

describe('the System Log on Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
    plane = await startControlPlane(GENEROUS, (clock) =>
      openRedisStore({ url: server.url, prefix: 'tg:', commandTimeoutMs: 5_000, clock }),
    );
  });
  afterAll(async () => {
    await plane.close();
    await server.stop();
  });

  it('is followed, and read within bounds, page by page', async () => {
    await plane.store.purgeEventsBefore(Number.MAX_SAFE_INTEGER);
    const begin = await ask({ limit: '0' });
    const events = [2, 0, 1].map((minutes) => eventAt(MADE_AT + minutes * MINUTE));
    await append(...events);
    const taken = events.map(({ uuid }) => uuid);
    const first = await follow(nextOf(begin)?.replace('limit=0', 'limit=2') ?? null);
    expect(uuids(first)).toEqual(taken.slice(0, 2));
    expect(uuids(await follow(nextOf(first)))).toEqual(taken.slice(2));
    const range = { since: iso(MADE_AT), until: iso(MADE_AT + DAY), limit: '1' };
    const inTime = [taken[1], taken[2], taken[0]];
    expect((await pagesFrom(await ask(range))).flatMap(uuids)).toEqual(inTime);
    const back = await pagesFrom(await ask({ ...range, sortOrder: 'DESCENDING' }));
    expect(back.flatMap(uuids)).toEqual(inTime.toReversed());
  });
});
