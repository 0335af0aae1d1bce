import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMatch, sameClaim } from '../../src/domain/endpoint-match.ts';
import { normalTarget } from '../../src/gateway/listen/target.ts';

const ANY = { before: '', after: '' };

describe('a rule is read as it is written', () => {
  test.each([
    ['GET /api/v1/users/{id}', ['GET'], ['api', 'v1', 'users', ANY], false],
    ['GET,HEAD /x', ['GET', 'HEAD'], ['x'], false],
    ['* /api/v1/users/**', ['*'], ['api', 'v1', 'users'], true],
    ['* /**', ['*'], [], true],
    ['OPTIONS /', ['OPTIONS'], [], false],
    ['* /app/office365{appType}/{key}', ['*'], ['app', { before: 'office365', after: '' }, ANY], false],
    ['PUT /v{n}-beta', ['PUT'], [{ before: 'v', after: '-beta' }], false],
    ['GET /.well-known/caf%C3%A9', ['GET'], ['.well-known', 'caf%C3%A9'], false],
    ["GET /a-._~!$&'()+,=:@", ['GET'], ["a-._~!$&'()+,=:@"], false],
    ['PATCH /__proto__/constructor', ['PATCH'], ['__proto__', 'constructor'], false],
  ] as const)('%s', (match, methods, segments, below) => {
    expect(parseMatch(match)).toEqual({ methods, segments, below });
  });
});

describe('a rule that is not right is refused with what would be', () => {
  test.each([
    ['', "'' must be methods, one space and a path, such as 'GET,HEAD /users/{id}'"],
    ['GET', "'GET' must be methods, one space and a path, such as 'GET,HEAD /users/{id}'"],
    ['GET  /x', "'GET  /x' must be methods, one space and a path, such as 'GET,HEAD /users/{id}'"],
    ['GET\t/x', "'GET\t/x' must be methods, one space and a path, such as 'GET,HEAD /users/{id}'"],
    ['GET /x ', "'GET /x ' must be methods, one space and a path, such as 'GET,HEAD /users/{id}'"],
    ['/x', "'/x' names no method: write 'GET /x' or '* /x'"],
    ['get /x', "method 'get' must be in capitals: 'GET'"],
    ['GET,Head /x', "method 'Head' must be in capitals: 'HEAD'"],
    [
      'GTE /x',
      "'GTE' is not a method that a rule can name: use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, or * for any",
    ],
    [
      'GET, /x',
      "'' is not a method that a rule can name: use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, or * for any",
    ],
    ['GET,* /x', "'*' means any method: write it alone, not 'GET,*'"],
    ['GET,PUT,GET /x', "method GET is named twice in 'GET,PUT,GET'"],
    ['GET x/y', "path 'x/y' must start with a slash: '/x/y'"],
    ['GET http://h/x', "path 'http://h/x' must start with a slash: '/http://h/x'"],
    ['GET /x?y=1', "'/x?y=1' must be a path alone: a rule cannot look at a query or fragment"],
    ['GET /x#y', "'/x#y' must be a path alone: a rule cannot look at a query or fragment"],
    ['GET //x///y', "path '//x///y' must have single slashes: '/x/y'"],
    ['GET /x/', "leave the last slash off: '/x' matches with and without it"],
    ['GET /x/**/', "leave the last slash off: '/x/**' matches with and without it"],
    ['GET /x/**/y', "'**' may only be the last segment, alone: '/x/**', not '**'"],
    ['GET /x/y**', "'**' may only be the last segment, alone: '/x/**', not 'y**'"],
    ['GET /x/*/y', "'*': one segment is written '{name}', everything below '/**'"],
    ['GET /x/./y', "a path in normal form has no '.' segment: leave it out"],
    ['GET /x/../y', "a path in normal form has no '..' segment: leave it out"],
    ['GET /{}', "'{}': braces must hold a name, such as '{id}'"],
    [
      'GET /{id:.+}',
      "'{id:.+}': a name in braces is a letter, then letters, digits or '_': patterns are not known",
    ],
    ['GET /{1}', "'{1}': a name in braces is a letter, then letters, digits or '_': patterns are not known"],
    ['GET /{id}/x{id}', "'{id}' stands twice in the path: give each segment its own name"],
    ['GET /{a}{b}', "'{a}{b}' may hold one pair of braces, closed, such as 'v{version}'"],
    ['GET /{a', "'{a' may hold one pair of braces, closed, such as 'v{version}'"],
    ['GET /a}', "'a}' may hold one pair of braces, closed, such as 'v{version}'"],
    ['GET /{{a}}', "'{{a}}' may hold one pair of braces, closed, such as 'v{version}'"],
    ['GET /%75sers', "'%75sers' is not in the normal form of a path: write 'users'"],
    ['GET /%7e{id}', "'%7e' is not in the normal form of a path: write '~'"],
    ['GET /caf%c3%a9', "'caf%c3%a9' is not in the normal form of a path: write 'caf%C3%A9'"],
    ['GET /café', "'café' is not in the normal form of a path: write 'caf%C3%A9'"],
    ['GET /\u{1f600}', "'\u{1f600}' is not in the normal form of a path: write '%F0%9F%98%80'"],
    ['GET /uſers', "'uſers' is not in the normal form of a path: write 'u%C5%BFers'"],
    ['GET /\ud800', "'\ud800' is not in the normal form of a path: write '%EF%BF%BD'"],
    ['GET /100%', "'100%' is not in the normal form of a path: write '100%25'"],
    ['GET /a%2', "'a%2' is not in the normal form of a path: write 'a%252'"],
    ['GET /a|b', "'a|b' is not in the normal form of a path: write 'a%7Cb'"],
    ['GET /things%3abatch', "'things%3abatch' is not in the normal form of a path: write 'things:batch'"],
    ['GET /a%2cb', "'a%2cb' is not in the normal form of a path: write 'a%2Cb'"],
    ['GET /a%2Eb', "'a%2Eb' is not in the normal form of a path: write 'a.b'"],
    ['GET /a%2Fb', "'a%2Fb' can never match: no path arrives with '%2F' in it"],
    ['GET /a%5cb', "'a%5cb' can never match: no path arrives with '%5C' in it"],
    ['GET /a\\b', "'a\\b' can never match: no path arrives with '%5C' in it"],
    ['GET /a%00', "'a%00' can never match: no path arrives with '%00' in it"],
    ['GET /a%0a', "'a%0a' can never match: no path arrives with '%0A' in it"],
    ['GET /a\u007f', "'a\u007f' can never match: no path arrives with '%7F' in it"],
    ['GET /a%2a', "'a%2a' can never match: no path arrives with '%2A' in it"],
    ['GET /a;b', "'a;b' can never match: no path arrives with ';' in it"],
    ['GET /a%252F', "'a%252F' can never match: no path arrives with '%252F' in it"],
    ['GET /a%%32f', "'a%%32f' can never match: no path arrives with '%252f' in it"],
    ['GET /caf%E9', "'caf%E9' can never match: no path arrives with escapes that are not UTF-8"],
    ['GET /caf%C3{x}', "'caf%C3' can never match: no path arrives with escapes that are not UTF-8"],
  ])('%j', (match, message) => {
    expect(() => parseMatch(match)).toThrow(new Error(message));
  });
});

test('a literal path is accepted exactly when it is how such a path arrives', () => {
  const character = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
  const escaped = fc.integer({ min: 0, max: 0xff }).map((code) => `%${code.toString(16).padStart(2, '0')}`);
  const piece = fc.oneof(
    fc.constantFrom('a', '.', '/', '%C3%A9', '%c3%a9', '%', '%25', '%2', '%F0%9F%98%80'),
    character,
    escaped,
    escaped.map((text) => text.toUpperCase()),
  );
  // Braces and asterisks mean something in a rule, and one slash at the end is left off.
  const literal = fc
    .array(piece, { maxLength: 5 })
    .map((pieces) => `/${pieces.join('')}`)
    .filter((path) => !/[{}*]/.test(path) && (path === '/' || !path.endsWith('/')));
  fc.assert(
    fc.property(literal, (path) => {
      expect([path, isAccepted(`GET ${path}`)]).toEqual([path, normalTarget(path)?.path === path]);
    }),
    { numRuns: 10_000, seed: 20_250_101 },
  );
});

function isAccepted(match: string): boolean {
  try {
    parseMatch(match);
    return true;
  } catch {
    return false;
  }
}

describe('two rules claim the same when no order decides between them', () => {
  test.each([
    ['GET /x/{id}', 'GET /x/{name}', true],
    ['GET,PUT /x', 'POST,PUT /x', true],
    ['* /x/**', '* /x/**', true],
    ['* /', '* /', true],
    ['GET /a{x}b', 'GET /a{y}b', true],
    ['GET /x', 'PUT /x', false],
    ['GET /x', 'HEAD /x', false],
    ['GET /x', '* /x', false],
    ['GET /x', 'GET /x/**', false],
    ['GET /x', 'GET /X', true],
    ['GET /x/{id}', 'GET /x/me', false],
    ['GET /x/me', 'GET /x/{id}', false],
    ['GET /a{x}', 'GET /{x}', false],
    ['GET /a{x}', 'GET /{x}a', false],
    ['GET /x/{id}', 'GET /x/{id}/y', false],
  ])('%s and %s: %s', (a, b, same) => {
    expect(sameClaim(parseMatch(a), parseMatch(b))).toBe(same);
    expect(sameClaim(parseMatch(b), parseMatch(a))).toBe(same);
  });
});
