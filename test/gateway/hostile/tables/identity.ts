import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { RawClient } from '../../../support/raw-client.ts';
import { type SeenRequest, valuesOf } from '../../../support/strict-upstream.ts';
import { expectRefusal, head, itLetNothingThrough, REFUSED } from '../attack.ts';
import { type Bed, openBed, type StartTransport } from '../bed.ts';
import { it } from '../rows.ts';

/** What the upstream takes from the gateway alone. */
const OURS = [
  ...['X-Tollgate-Token-Id', 'X-Tollgate-User-Id', 'X-Tollgate-User-Login', 'X-Tollgate-Roles'],
  ...['X-Request-Id', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host'],
];
/** What the upstream may not get from anybody. */
const NOBODYS = [
  ...[
    'X-Tollgate-Zone',
    'X-Tollgate-',
    'X-Tollgate-Anything-At-All',
    'X-Forwarded-Port',
    'X-Forwarded-Server',
  ],
  ...[
    'X-Forwarded-Prefix',
    'X-Forwarded-Scheme',
    'X-Forwarded-User',
    'X-Forwarded',
    'Forwarded',
    'X-Real-IP',
  ],
  ...[
    'X-Client-IP',
    'X-Cluster-Client-IP',
    'True-Client-IP',
    'CF-Connecting-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
  ],
  ...['X-Original-Host', 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'Proxy'],
  ...['Proxy-Authorization', 'Proxy-Connection', 'Keep-Alive', 'TE', 'Authorization', 'X-Api-Key'],
];
/** What `Connection` may not take away, by being ours or framing or the request's own. */
const PROTECTED = [
  ...OURS,
  'Host',
  'Content-Length',
  'Authorization',
  'X-Api-Key',
  'Connection',
  'Transfer-Encoding',
];

const spellings = (name: string) => [
  name,
  name.toLowerCase(),
  name.toUpperCase(),
  name.replace(/./g, (letter, at) => (at % 2 === 0 ? letter.toLowerCase() : letter.toUpperCase())),
];

/** Who a request says it is, against who it is (B1–B3, B14 of docs/threats.md). */
export function identityTable(start: StartTransport): void {
  let bed: Bed;
  let client: RawClient;
  let count = 0;
  beforeAll(async () => {
    bed = await openBed(start);
  });
  afterAll(() => bed.close());
  beforeEach(async () => {
    client = await RawClient.connect(bed.port);
  });
  afterEach(() => client.destroy());

  /** What arrives of a request with these lines. */
  async function forwarded(lines: readonly string[], body = ''): Promise<SeenRequest> {
    count += 1;
    const target = `/identity?${count}`;
    client.send(
      head(`POST ${target} HTTP/1.1`, bed.secret, [...lines, `Content-Length: ${body.length}`]) + body,
    );
    expect((await client.response())?.status).toBe(200);
    return bed.upstream.completed(target);
  }

  function expectOurs(request: SeenRequest): void {
    for (const name of OURS) {
      expect(valuesOf(request, name), name).toHaveLength(1);
      expect(valuesOf(request, name).join(), name).not.toMatch(/spoofed/);
    }
    expect(valuesOf(request, 'X-Tollgate-Token-Id')).toEqual([bed.token.id]);
    expect(valuesOf(request, 'X-Tollgate-User-Id')).toEqual([bed.token.userId]);
  }

  describe('a header of ours', () => {
    it.each(OURS)(
      '%s comes from the gateway once, however often and however spelt a client sends it',
      async (name) => {
        const lines = spellings(name).map((spelling) => `${spelling}: spoofed`);
        expectOurs(await forwarded([...lines, ...lines]));
        for (const line of lines) expectOurs(await forwarded([line]));
      },
    );

    it.each(OURS)('%s with underscores for hyphens is refused', async (name) => {
      const variants = [
        name.replaceAll('-', '_'),
        name.replace('-', '_'),
        name.toLowerCase().replaceAll('-', '_'),
      ];
      for (const variant of variants) {
        await expectRefusal(bed, head(`GET ${REFUSED} HTTP/1.1`, bed.secret, [`${variant}: spoofed`]), 400);
      }
    });

    it.each([' ', '\t', '\u000b', '\0', '\u00a0', '\u200b'])(
      'with %j in its name is refused',
      async (odd) => {
        const bytes = Buffer.from(odd).toString('latin1');
        for (const name of [
          `X-Tollgate-User-Id${bytes}`,
          `${bytes}X-Tollgate-User-Id`,
          `X-Tollgate${bytes}-User-Id`,
        ]) {
          // As the first line, where no line before it can be continued.
          const request = `GET ${REFUSED} HTTP/1.1\r\n${name}: spoofed\r\nHost: a\r\nAuthorization: SSWS ${bed.secret}\r\n\r\n`;
          await expectRefusal(bed, request, 400);
        }
      },
    );
  });

  it.each(NOBODYS)('the header %s never reaches the upstream', async (name) => {
    for (const spelling of spellings(name)) {
      // A second credential would be refused for itself.
      const value = /authorization|api-key/i.test(name) ? `SSWS ${bed.secret}` : 'spoofed';
      const carried =
        name === 'Authorization' ? [] : [`${spelling}: ${name === 'X-Api-Key' ? bed.secret : value}`];
      const request = await forwarded(carried);
      expect(valuesOf(request, name)).toEqual([]);
      expectOurs(request);
    }
  });

  describe('Connection', () => {
    it.each(PROTECTED)('cannot take %s away', async (name) => {
      for (const spelling of spellings(name)) {
        const request = await forwarded([`Connection: close, ${spelling}`, 'X-Kept: yes'], 'hello');
        expectOurs(request);
        expect(request.body).toBe('hello');
        expect(valuesOf(request, 'Host')).toEqual(['api.example.com']);
        expect(valuesOf(request, 'X-Kept')).toEqual(['yes']);
        client.destroy();
        client = await RawClient.connect(bed.port);
      }
    });

    it('cannot take all of them away at once, nor by many headers, nor by naming them twice', async () => {
      const lines = [
        `Connection: ${PROTECTED.join(', ')}`,
        ...PROTECTED.map((name) => `Connection: ${name}`),
      ];
      const request = await forwarded(lines, 'hello');
      expectOurs(request);
      expect(request.body).toBe('hello');
    });

    it("takes away the client's own headers that it names", async () => {
      const request = await forwarded([
        'Connection: x-mine, X-Other',
        'X-Mine: 1',
        'X-OTHER: 2',
        'X-Kept: 3',
      ]);
      expect([...valuesOf(request, 'X-Mine'), ...valuesOf(request, 'X-Other')]).toEqual([]);
      expect(valuesOf(request, 'X-Kept')).toEqual(['3']);
    });
  });

  describe('an underscore', () => {
    it.each(['X_Token_Id', 'Content_Length', 'Host_', '_', 'x_a'])(
      'in the name %s is refused',
      async (name) => {
        await expectRefusal(bed, head(`GET ${REFUSED} HTTP/1.1`, bed.secret, [`${name}: 5`]), 400);
      },
    );
  });

  describe('a credential', () => {
    it.each<[string, () => readonly string[]]>([
      [
        'two Authorization headers',
        () => [`Authorization: SSWS ${bed.secret}`, `Authorization: SSWS ${bed.otherSecret}`],
      ],
      [
        'the same Authorization twice',
        () => [`Authorization: SSWS ${bed.secret}`, `Authorization: SSWS ${bed.secret}`],
      ],
      [
        'another token in the other header',
        () => [`Authorization: SSWS ${bed.secret}`, `X-Api-Key: ${bed.otherSecret}`],
      ],
      ['two other headers', () => [`X-Api-Key: ${bed.secret}`, `X-Api-Key: ${bed.otherSecret}`]],
    ])('given by %s is refused', async (_, lines) => {
      await expectRefusal(bed, head(`GET ${REFUSED} HTTP/1.1`, '', lines()), 400);
    });

    it.each<[string, string, number]>([
      ['none', '', 403],
      ['another scheme', 'Authorization: Basic YTpi', 403],
      ['a scheme without a token', 'Authorization: SSWS', 401],
      ['an object', 'Authorization: [object Object]', 403],
      ...[
        '__proto__',
        'constructor',
        'prototype',
        'toString',
        'hasOwnProperty',
        'null',
        'undefined',
        '0',
        'NaN',
      ].map((secret): [string, string, number] => [
        `the token ${secret}`,
        `Authorization: SSWS ${secret}`,
        401,
      ]),
      ['a token of 8 kB', `Authorization: SSWS ${'a'.repeat(8_000)}`, 401],
      ['two tokens in one value', 'Authorization: SSWS a, SSWS b', 401],
    ])('that is %s lets nobody in', async (_, line, status) => {
      client.send(head(`GET ${REFUSED} HTTP/1.1`, '', line === '' ? [] : [line]));
      expect((await client.response())?.status).toBe(status);
    });

    it('that is unknown, revoked, expired or of a dead owner gets the same answer, to the byte but for ids', async () => {
      const revoked = await bed.issue({ revokedAt: bed.clock.now() });
      const expired = await bed.issue({ createdAt: 0, windowSeconds: 60 });
      const answers: string[] = [];
      for (const secret of ['junk', `tg_${'a'.repeat(60)}`, revoked.secret, expired.secret]) {
        client.send(head(`GET ${REFUSED} HTTP/1.1`, secret));
        const { status, headers, body } = (await client.response()) ?? {};
        const plain = headers?.filter(([name]) => !/request-id|^date$/i.test(name));
        answers.push(JSON.stringify([status, plain, body?.replace(/oae[\w-]{22}/, 'oae')]));
      }
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).toContain('E0000011');
    });
  });

  describe('a name that objects have by themselves', () => {
    const names = ['constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'];

    it.each(names)('%s is a header, a query and a path like any other', async (name) => {
      const request = await forwarded([`${name}: v`, `${name}: w`]);
      expect(valuesOf(request, name)).toEqual(['v', 'w']);
      const target = `/${name}?${name}=${name}`;
      client.send(head(`GET ${target} HTTP/1.1`, bed.secret));
      expect((await client.response())?.status).toBe(200);
      expect(await bed.upstream.completed(target)).toMatchObject({ target });
    });

    it('__proto__ is refused as a header, for its underscores, and is a query and a path like any other', async () => {
      await expectRefusal(bed, head(`GET ${REFUSED} HTTP/1.1`, bed.secret, ['__proto__: v']), 400);
      client.send(head('GET /__proto__?__proto__=1&__proto__[a]=2 HTTP/1.1', bed.secret));
      expect((await client.response())?.status).toBe(200);
    });

    it('is named by Connection without effect', async () => {
      expectOurs(await forwarded(['Connection: __proto__, constructor, toString']));
    });
  });

  itLetNothingThrough(() => bed);
}
