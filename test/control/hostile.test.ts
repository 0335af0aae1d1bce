/** Bytes that no client of good will sends, against the management API: each is refused in Okta's form, and nothing falls over. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

let plane: ControlPlane;
let port: number;
beforeAll(async () => {
  plane = await startControlPlane('control: { limit: { max: 1000000, window: 60s } }');
  port = Number(new URL(plane.origin).port);
});
afterAll(() => plane.close());

/** Sends the lines of a head, and a body. */
async function answered(lines: readonly string[], body = '') {
  const client = await RawClient.connect(port);
  client.send(`${lines.join('\r\n')}\r\n\r\n${body}`);
  const response = await client.response();
  client.destroy();
  return response;
}

const as = () => `Authorization: SSWS ${plane.admin.secret}`;

describe('the management API', () => {
  it.each([
    ['no Host', []],
    ['two Hosts', ['Host: a', 'Host: b']],
    ['a Host with a space', ['Host: a b']],
    ['a Host that ends a link', ['Host: a>; rel="next"']],
    ['a Host with a path', ['Host: a/b']],
    ['a Host with a user', ['Host: me@a']],
    ['a Host with a port that there is not', ['Host: a:99999']],
    ['an empty Host', ['Host:']],
  ])('refuses %s, so that no link leads astray', async (_, hosts) => {
    const response = await answered(['GET /api/v1/api-tokens HTTP/1.1', ...hosts, as()]);
    expect(response?.status).toBe(400);
    expect(response?.body).not.toContain('00T');
  });

  it.each([
    ['a head that is no HTTP', ['GET']],
    ['a header name with a space', ['GET / HTTP/1.1', 'Host: a', 'X Y: z']],
    [
      'both ways of framing',
      ['POST /api/v1/users HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked'],
    ],
    ['two lengths', ['POST /api/v1/users HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2']],
    ['a length that is none', ['POST /api/v1/users HTTP/1.1', 'Host: a', 'Content-Length: -1']],
    ['a head that is too large', ['GET / HTTP/1.1', 'Host: a', `X: ${'y'.repeat(20_000)}`], 431],
  ])('refuses %s with an error in its own form, and ends the connection', async (_, lines, status = 400) => {
    const response = await answered(lines);
    expect(response?.status).toBe(status);
    expect(JSON.parse(response?.body ?? '')).toMatchObject({ errorCode: 'E0000001', errorCauses: [{}] });
    expect(response?.header('Connection')).toBe('close');
  });

  it.each([
    '/api/v1/users/%',
    '/api/v1/users/%zz',
    '/api/v1/users/%ff%fe',
    '/api/v1/users/%00',
    '/api/v1/users/..%2f..%2fetc',
    '/api/v1/api-tokens/__proto__',
    '/api/v1/api-tokens/constructor',
    `/api/v1/users/${'x'.repeat(2000)}`,
    '/api/v1/agents/*',
  ])('finds nothing at %s', async (target) => {
    const response = await answered([`GET ${target} HTTP/1.1`, 'Host: a', as()]);
    expect(response?.status).toBe(404);
  });

  it('makes links to itself alone, also for a target that names another host', async () => {
    const response = await answered(['GET http://elsewhere.example/api/v1/users HTTP/1.1', 'Host: a', as()]);
    expect(response?.header('Link')).toBe('<http://a/api/v1/users>; rel="self"');
  });

  it('lets nobody in by two credentials, of which nobody could say which holds', async () => {
    const response = await answered(['GET /api/v1/users/me HTTP/1.1', 'Host: a', as(), as()]);
    expect(response?.status).toBe(403);
  });

  it('refuses a chunked body that grows beyond control.bodySize', async () => {
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const response = await answered(
      [
        'POST /api/v1/users HTTP/1.1',
        ...['Host: a', as(), 'Content-Type: application/json', 'Transfer-Encoding: chunked'],
      ],
      chunk.repeat(17),
    );
    expect(response?.status).toBe(413);
  });

  it('reads a deep body without falling over, and refuses it', async () => {
    const deep = `{"profile":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect((await plane.admin.ask('POST', '/api/v1/users', deep)).status).toBe(400);
  });

  it.each([
    ['a text of half a character', '{"name":"\\ud800"}', 201],
    ['a key of the prototype among shares', '{"name":"x","byEndpoint":{"__proto__":5}}', 400],
    ['a constructor among shares', '{"name":"x","byEndpoint":{"constructor":{"prototype":5}}}', 400],
    ['a number beyond all numbers', '{"name":"x","percentage":1e999}', 400],
    ['a key twice', '{"name":"x","name":"y"}', 201],
  ])('judges %s', async (_, body, status) => {
    expect((await plane.admin.ask('POST', '/api/v1/api-tokens', body)).status).toBe(status);
  });

  it('never repeats a secret that it refuses', async () => {
    const secret = `tg_${'A'.repeat(42)}`;
    const response = await answered([
      'GET /api/v1/api-tokens HTTP/1.1',
      'Host: a',
      `Authorization: SSWS ${secret}`,
    ]);
    expect(response?.status).toBe(401);
    expect(response?.body).not.toContain(secret);
  });
});
