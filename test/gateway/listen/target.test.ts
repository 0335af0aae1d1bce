import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalTarget } from '../../../src/gateway/listen/target.ts';
import { PATH_READERS, plainReading } from '../../support/path-readers.ts';

describe('the normal form of a target', () => {
  it.each([
    '/',
    '/api/v1/users',
    '/api/v1/users/',
    '/api/v1/users/00u1.a-b_c~d',
    "/odata/Users('a')",
    '/things:batch',
    '/a/.well-known/b',
    '/a/..b/c..',
    '/a/...',
    '/users/me@example.com',
    '/a,b=c+d',
  ])('leaves the plain path %s as it is', (url) => {
    expect(normalTarget(url)).toEqual({ path: url, query: '' });
  });

  it.each([
    ['/%75sers', '/users'],
    ['/%7Euser', '/~user'],
    ['/a%2db%5fc', '/a-b_c'],
    ['/things%3abatch', '/things:batch'],
    ['/%40me', '/@me'],
    ['/Users%28%27a%27%29', "/Users('a')"],
    ['/a%2cb', '/a%2Cb'],
    ['/a%2bb', '/a%2Bb'],
    ['/a%3bb', '/a%3Bb'],
    ['/a%20b', '/a%20b'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/auth0|1', '/auth0%7C1'],
    ['/a[0]"<>^`{}', '/a%5B0%5D%22%3C%3E%5E%60%7B%7D'],
    ['/100%25', '/100%25'],
    ['/100%25-x', '/100%25-x'],
    ['//api/v1/users', '/api/v1/users'],
    ['//', '/'],
  ])('spells %s as %s', (url, path) => {
    expect(normalTarget(url)).toEqual({ path, query: '' });
  });

  it.each([
    ['/a?', '?'],
    ['/a?b=c', '?b=c'],
    ['/a?next=https://x.example/../%2f%00//', '?next=https://x.example/../%2f%00//'],
    ['/a?filter=status+eq+"ACTIVE"&x={|}\\', '?filter=status+eq+"ACTIVE"&x={|}\\'],
    ['/a??', '??'],
  ])('leaves the query of %s as it came', (url, query) => {
    expect(normalTarget(url)).toEqual({ path: '/a', query });
  });

  it.each([
    ['', 'nothing'],
    ['*', 'an asterisk'],
    ['a/b', 'no slash in front'],
    ['http://host/', 'an absolute target'],
    ['?a', 'a query alone'],
    ['///a', 'three slashes in front'],
    ['/a//b', 'an empty segment'],
    ['/a//', 'an empty segment at the end'],
    ['/.', 'a dot segment'],
    ['/..', 'a double dot segment'],
    ['/./a', 'a dot segment in front'],
    ['/a/.', 'a dot segment at the end'],
    ['/a/./b', 'a dot segment inside'],
    ['/a/../b', 'a double dot segment inside'],
    ['/a/..', 'a double dot segment at the end'],
    ['/a/..?b', 'a double dot segment before a query'],
    ['//../a', 'a double dot segment behind two slashes'],
    ['/a/%2e%2e/b', 'an encoded double dot segment'],
    ['/a/.%2E/b', 'a half-encoded double dot segment'],
    ['/a%2eb', 'an encoded dot anywhere'],
    ['/a%2fb', 'an encoded slash'],
    ['/a%5cb', 'an encoded backslash'],
    ['/a\\b', 'a backslash'],
    ['/\\host/a', 'a backslash in front'],
    ['/a%00', 'an encoded NUL'],
    ['/a%0d%0ab', 'an encoded line end'],
    ['/a%09', 'an encoded tab'],
    ['/a%7f', 'an encoded delete'],
    ['/a;x', 'a path parameter'],
    ['/a/..;/b', 'a double dot segment with a path parameter'],
    ['/a;/b', 'an empty path parameter'],
    ['/a#b', 'a fragment'],
    ['/a?b#c', 'a fragment behind a query'],
    ['/a%2564', 'an escape of an escape'],
    ['/a%252e%252e', 'a twice encoded dot segment'],
    ['/a%25252e', 'a thrice encoded dot'],
    ['/a%25%36%34', 'an escape of an escape in escapes'],
    ['/a%256%34', 'an escape of an escape, half escaped'],
    ['/a%', 'a cut escape'],
    ['/a%2', 'a shorter cut escape'],
    ['/a%zz', 'an escape of no byte'],
    ['/a%2%35', 'an escape inside an escape'],
    ['/a%u0041', 'a four-digit escape'],
    ['/a%c0%af', 'an overlong slash'],
    ['/a%c3', 'half a character'],
    ['/a%ff', 'a byte that is no UTF-8'],
    ['/a%ed%a0%80', 'half a surrogate pair'],
    ['/a b', 'a space'],
    ['/a\tb', 'a tab'],
    ['/a\r\nb', 'a line end'],
    ['/a\u0000', 'a NUL'],
    ['/a\u00a0', 'a no-break space'],
    ['/caf\u00e9', 'a letter beyond ASCII'],
    ['/a?b c', 'a space in the query'],
    ['/a?\u00e9', 'a letter beyond ASCII in the query'],
    ['/a\u{1F600}', 'a character beyond the basic plane'],
  ])('refuses %j: %s', (url) => {
    expect(normalTarget(url)).toBeNull();
  });

  const piece = fc.constantFrom(
    ...[
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2E',
      '%2f',
      '%5c',
      '\\',
      ';',
      '%3b',
      '%',
      '%25',
      '%252e',
      '%32',
      '2',
      '%65',
      '%75',
      'u',
    ],
    ...[
      'api',
      'v1',
      'Users',
      '%55sers',
      '?',
      '#',
      '%00',
      '%09',
      '%20',
      '+',
      '%2b',
      ':',
      '%3A',
      '%c3%a9',
      '%ff',
    ],
    ...['|', '[', '%7c', ',', '%2C', '(', '%28', '~', '%7e', '\t', ' ', 'é', '=', '&', '%26', '@', '%40'],
  );
  const hostileUrl = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);
  const anyUrl = fc.oneof(hostileUrl, fc.string({ unit: 'binary-ascii' }), fc.webPath());

  it('is its own normal form', () => {
    fc.assert(
      fc.property(anyUrl, (url) => {
        const target = normalTarget(url);
        if (target !== null) expect(normalTarget(target.path + target.query)).toEqual(target);
      }),
      { numRuns: 3000, seed: 1 },
    );
  });

  it('reads the same to every kind of server', () => {
    fc.assert(
      fc.property(anyUrl, (url) => {
        const target = normalTarget(url);
        if (target === null) return;
        for (const [name, read] of Object.entries(PATH_READERS)) {
          expect(read(target.path), name).toBe(plainReading(target.path));
        }
      }),
      { numRuns: 3000, seed: 2 },
    );
  });

  it('has one spelling for each path, but for the four characters that some servers cut at', () => {
    const spelled = new Map<string, string>();
    fc.assert(
      fc.property(anyUrl, (url) => {
        const target = normalTarget(url);
        if (target === null) return;
        const reading = plainReading(target.path);
        const spelling = target.path.replace(/%(?:2B|2C|3B|3D)/g, decodeURIComponent);
        expect(spelled.get(reading) ?? spelling).toBe(spelling);
        spelled.set(reading, spelling);
      }),
      { numRuns: 3000, seed: 3 },
    );
    expect(spelled.size).toBeGreaterThan(100);
  });
});
