import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { plainReading } from '../../../support/path-readers.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { valuesOf } from '../../../support/strict-upstream.ts';
import { expectRefusal, head, itLetNothingThrough, REFUSED, untilClosed } from '../attack.ts';
import { type Bed, openBed, type StartTransport } from '../bed.ts';
import { it } from '../rows.ts';

/** The endpoint of the bed whose rate somebody might want to get around, and what its upstream serves it by. */
export const LIMITED = '/api/v1/limited';

/** Spellings of that path which some server reads as it. */
const SPELLINGS = [
  ...['//api/v1/limited', '///api/v1/limited', '/api//v1/limited', '/api/v1//limited', '/api/v1/limited//'],
  ...[
    '/./api/v1/limited',
    '/api/./v1/limited',
    '/api/v1/./limited',
    '/api/v1/limited/.',
    '/api/v1/limited/./',
  ],
  ...['/../api/v1/limited', '/x/../api/v1/limited', '/api/v1/x/../limited', '/api/v1/limited/x/..'],
  ...['/%2e/api/v1/limited', '/x/%2e%2e/api/v1/limited', '/x/.%2e/api/v1/limited', '/x/%2E./api/v1/limited'],
  ...[
    '/api%2fv1/limited',
    '/api%2Fv1%2flimited',
    '/%2fapi/v1/limited',
    '/api/v1/limited%2f',
    '/api/v1%2flimited',
  ],
  ...[
    '\\api\\v1\\limited',
    '/api\\v1\\limited',
    '/\\api/v1/limited',
    '/api%5cv1%5climited',
    '/api/v1/x\\..\\limited',
  ],
  ...[
    '/api/v1/limited%00',
    '/api/v1/limited%00.html',
    '/api/v1/limi%00ted',
    '/api/v1/limited%0a',
    '/api/v1/limited%0d%0a',
  ],
  ...[
    '/api/v1/limited;',
    '/api/v1/limited;x',
    '/api/v1/limited;x=y',
    '/api;x/v1/limited',
    '/x/..;/api/v1/limited',
  ],
  ...[
    '/;/api/v1/limited',
    '/api/v1/limited;/',
    '/api/v1/..;/v1/limited',
    '/api/v1/limited%3bx',
    '/api/v1/limited%3Bx=y',
  ],
  ...['/api/v1/limited/', '/API/v1/limited', '/api/V1/limited', '/api/v1/LIMITED', '/Api/V1/Limited/'],
  ...[
    '/api/v1/%6cimited',
    '/api/v1/limi%74ed',
    '/%61%70%69/v1/limited',
    '/api/%76%31/limited',
    '/api/v1/l%69mited',
  ],
  ...['/api/v1/%256cimited', '/api/v1/limi%2574ed', '/x/%252e%252e/api/v1/limited', '/api%252fv1/limited'],
  ...['/api/v1/%25%36%63imited', '/api/v1/limited%253bx', '/api/v1/%25256cimited', '/api/v1/limited%252f'],
  ...[
    '/api/v1/limited%3fx',
    '/api/v1/limited%23x',
    '/api/v1/limited#x',
    '/api/v1/limited?x',
    '/api/v1/limited?',
  ],
  ...[
    '/api/v1/limited%20',
    '/api/v1/%20limited',
    '/api/v1/limited%09',
    '/api/v1/limited\t',
    '/api/v1/limited%c2%a0',
  ],
  ...[
    '/api/v1/limited%a0',
    '/api/v1/limited\u00a0',
    '/api/v1/limited\u00c2\u00a0',
    '/api/v1/limited%ff',
    '/api/v1/limited%c0%af',
  ],
  ...[
    '/api/v1/limited%c3%28',
    '/api/v1/%ef%bd%8cimited',
    '/api/v1/limited%e2%80%8b',
    '/api/v1/limited%ad',
    '/api/v1/limited%',
  ],
  ...[
    '/api/v1/limited%2',
    '/api/v1/limited%zz',
    '/api/v1/limited%u0020',
    '/api/v1/limited.',
    '/api/v1/limited%2e',
  ],
  ...[
    '/api/v1/limited.json',
    '/api/v1/limited/..',
    '/api/v1/limited/../limited',
    'api/v1/limited',
    '/api/v1/limited\r',
  ],
  ...[
    'http://api.example.com/api/v1/limited',
    'http://API.EXAMPLE.COM/api/v1/limited',
    'HTTP://api.example.com//api/v1/limited',
  ],
];

/** How servers of different kinds may come to the limited path from what the gateway sends them. */
export const READERS: readonly ((path: string) => string)[] = [
  (path) => plainReading(path),
  (path) => plainReading(path).toLowerCase(),
  (path) => plainReading(path).replace(/\/$/, ''),
  (path) => plainReading(path).toLowerCase().replace(/\/+$/, ''),
  (path) => plainReading(plainReading(path)),
  (path) => new URL(`http://host${path}`).pathname,
  (path) => plainReading(path.replaceAll(/;[^/]*/g, '')),
  (path) => plainReading(path).replaceAll(/\/+/g, '/'),
  (path) => plainReading(path).replaceAll('\\', '/'),
  (path) => plainReading(path).replace(/[\0?#;].*$/s, ''),
  (path) => plainReading(path).trim(),
];

/** Where a request goes, against where it says it goes (B4–B6, B10 of docs/threats.md). */
export function targetTable(start: StartTransport): void {
  let bed: Bed;
  let client: RawClient;
  beforeAll(async () => {
    bed = await openBed(start);
  });
  afterAll(() => bed.close());
  beforeEach(async () => {
    client = await RawClient.connect(bed.port);
  });
  afterEach(() => client.destroy());

  describe('the Host', () => {
    const withHosts = (lines: readonly string[], line = `GET ${REFUSED} HTTP/1.1`) =>
      `${[line, ...lines, `Authorization: SSWS ${bed.secret}`].join('\r\n')}\r\n\r\n`;

    it.each<[string, readonly string[]]>([
      ['is missing', []],
      ['is empty', ['Host:']],
      ['stands twice', ['Host: api.example.com', 'Host: other.example.com']],
      ['stands twice, the same', ['Host: api.example.com', 'host: api.example.com']],
      ['stands behind an empty one', ['Host:', 'Host: api.example.com']],
      ...[
        'a, b',
        'a,b',
        'user@a',
        'user:pass@a',
        'a:99999',
        'a:x',
        'a:',
        'a:80:80',
        'a/b',
        'a?b',
        'a#b',
        'a\\b',
        'a b',
      ].map((host): [string, readonly string[]] => [`is ${host}`, [`Host: ${host}`]]),
      ...[
        '[::1',
        '::1',
        '[::1%25lo]',
        'a%00b',
        'a\u00e9',
        '..',
        '-a',
        "a'b",
        'a<b>',
        'a;b',
        '*',
        `${'a'.repeat(300)}`,
      ].map((host): [string, readonly string[]] => [`is ${host.slice(0, 40)}`, [`Host: ${host}`]]),
    ])('is refused when it %s', async (_, lines) => {
      await expectRefusal(bed, withHosts(lines), 400);
    });

    it.each([
      '169.254.169.254',
      '127.0.0.1:9090',
      'localhost:22',
      'metadata.google.internal',
      '[::1]:8081',
      '0.0.0.0',
    ])('%s names nothing that is connected to: the request goes to its upstream', async (host) => {
      const target = `/host?${encodeURIComponent(host)}`;
      client.send(withHosts([`Host: ${host}`], `GET ${target} HTTP/1.1`));
      expect((await client.response())?.status).toBe(200);
      expect(valuesOf(await bed.upstream.completed(target), 'Host')).toEqual([host]);
    });
  });

  describe('a target that is no plain path', () => {
    it.each([
      ...[
        '*',
        '//',
        '@other.example.com/',
        'other.example.com:443',
        'other.example.com',
        '?a',
        '#a',
        '%2f',
        '..',
        '.',
      ],
      ...[
        'http://other.example.com/',
        'http://169.254.169.254/latest/meta-data/',
        'https://api.example.com:444/',
      ],
      ...[
        'http://user@api.example.com/',
        'http://api.example.com@other.example.com/',
        'http:///',
        'http:/a',
        'http:a',
      ],
      ...[
        'ftp://api.example.com/',
        'file:///etc/passwd',
        'javascript:a',
        'http://api.example.com\\@other.example.com/',
      ],
      ...[
        'http://api.example.com/../a',
        'http://api.example.com/%2e%2e/a',
        'http://api.example.com/a#b',
        '\\\\other\\a',
      ],
      ...[
        '/\\other.example.com',
        '///other.example.com',
        '////a',
        '/a//b',
        '/@other.example.com/..',
        '/a/%2e%2e',
      ],
    ])('%s is refused or reaches the upstream as one', async (target) => {
      for (const method of ['GET', 'OPTIONS']) {
        const before = bed.upstream.requests.length;
        client.destroy();
        client = await RawClient.connect(bed.port);
        client.send(head(`${method} ${target} HTTP/1.1`, bed.secret));
        const response = await client.response();
        const seen = bed.upstream.requests.slice(before).map((request) => request.target);
        if (response?.status === 200) expect(seen).toEqual(['/']);
        else {
          expect([400, 405]).toContain(response?.status);
          expect(seen).toEqual([]);
        }
      }
    });

    it.each([
      ['http://api.example.com/absolute', '/absolute'],
      ['HTTPS://API.example.COM/absolute?a=b', '/absolute?a=b'],
      ['http://api.example.com?alone', '/?alone'],
      ['//api/v1/slashes', '/api/v1/slashes'],
    ])('%s agrees with its Host, and is rewritten to %s', async (target, rewritten) => {
      client.send(head(`GET ${target} HTTP/1.1`, bed.secret));
      expect((await client.response())?.status).toBe(200);
      expect(valuesOf(await bed.upstream.completed(rewritten), 'Host')).toEqual(['api.example.com']);
    });

    it.each(['api.example.com:443', '127.0.0.1:22', '/a', '*', 'http://api.example.com/'])(
      'CONNECT to %s opens no tunnel',
      async (target) => {
        await expectRefusal(bed, head(`CONNECT ${target} HTTP/1.1`, bed.secret), [400, 405]);
      },
    );

    it('is refused when it is longer than is allowed', async () => {
      await expectRefusal(bed, head(`GET ${REFUSED}${'a'.repeat(9_000)} HTTP/1.1`, bed.secret), 414);
    });
  });

  describe('a limited path', () => {
    it.each(SPELLINGS)(
      'spelt %j is refused, or counts where the path belongs that the upstream reads',
      async (spelling) => {
        const before = bed.upstream.requests.length;
        const settled = bed.outcome(bed.outcomes.length);
        client.send(head(`GET ${spelling} HTTP/1.1`, bed.secret));
        const status = (await client.response())?.status;
        if (status !== 200) {
          expect(status).toBe(400);
          expect(bed.upstream.requests.length).toBe(before);
          return;
        }
        const { permit, arrival } = await settled;
        const path = arrival?.path ?? '';
        const seen = bed.upstream.requests.slice(before).map(({ target }) => target);
        expect(seen).toEqual([path + (arrival?.query ?? '')]);
        // Whoever reads it as the limited path, it has counted as that.
        if (READERS.some((read) => read(path) === LIMITED)) expect(permit?.endpoint.name).toBe('limited');
      },
    );
  });

  describe('a limited method', () => {
    it.each([
      ...[
        'X-HTTP-Method-Override',
        'X-HTTP-Method',
        'X-Method-Override',
        'X-Http-Method-Override',
        '_method',
      ],
    ])('is not hidden by %s', async (name) => {
      client.send(
        head(
          `GET ${LIMITED}?${name}=DELETE HTTP/1.1`,
          bed.secret,
          name.startsWith('_') ? [] : [`${name}: DELETE`],
        ),
      );
      expect((await client.response())?.status).toBe(200);
      const request = await bed.upstream.completed(`${LIMITED}?${name}=DELETE`);
      expect(request.method).toBe('GET');
      expect(valuesOf(request, name)).toEqual([]);
    });

    it.each([
      'delete',
      'Delete',
      'dELETE',
      'DELETEX',
      'XDELETE',
      'DELETE\u00e9',
      'GET/DELETE',
      'MOVE',
      'PURGE',
      'M-SEARCH',
    ])('is not spelt %s', async (method) => {
      await expectRefusal(bed, head(`${method} ${REFUSED} HTTP/1.1`, bed.secret), [400, 405]);
    });

    it('counts where it belongs', async () => {
      const settled = bed.outcome(bed.outcomes.length);
      client.send(head(`DELETE ${LIMITED} HTTP/1.1`, bed.secret));
      expect((await client.response())?.status).toBe(200);
      expect((await settled).permit?.endpoint.name).toBe('limited-delete');
    });
  });

  describe('a path of the management or the metrics port', () => {
    const paths = [
      '/metrics',
      '/livez',
      '/readyz',
      '/api/v1/api-tokens',
      '/api/v1/zones',
      '/api/v1/logs',
      '/healthz',
    ];

    it.each(paths)('%s is nothing special here: it needs a token, and goes to the upstream', async (path) => {
      client.send(head(`GET ${path} HTTP/1.1`, ''));
      expect((await client.response())?.status).toBe(403);
      client.send(head(`GET ${path} HTTP/1.1`, bed.secret));
      expect(JSON.parse((await client.response())?.body ?? '{}')).toMatchObject({ target: path });
    });

    it.each(['localhost:9090', '127.0.0.1:8081', 'admin', 'metrics'])(
      'is not reached by the Host %s',
      async (host) => {
        for (const path of paths) {
          const [response] = await untilClosed(
            bed,
            `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
          );
          expect(response?.status).toBe(403);
          const absolute = `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
          expect((await untilClosed(bed, absolute))[0]?.status).toBe(403);
        }
      },
    );
  });

  itLetNothingThrough(() => bed);
}
