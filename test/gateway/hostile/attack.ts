import { expect, it } from 'vitest';
import { rejectionRow, type Source } from '../../../src/domain/rejection.ts';
import { RawClient, type RawResponse } from '../../support/raw-client.ts';
import type { Bed } from './bed.ts';

/** What a request that is to be refused asks for; nothing that names them may reach the upstream. */
export const REFUSED = '/refused';
export const SMUGGLED = '/smuggled';

/** A request that only a smuggler gets to the upstream: it has no token. */
export const SMUGGLED_REQUEST = `GET ${SMUGGLED} HTTP/1.1\r\nHost: api.example.com\r\n\r\n`;

/** A head: Host, the lines given, and the token unless it is empty. */
export function head(requestLine: string, secret: string, lines: readonly string[] = []): string {
  const credential = secret === '' ? [] : [`Authorization: SSWS ${secret}`];
  const all = [requestLine, 'Host: api.example.com', ...lines, ...credential];
  return `${all.join('\r\n')}\r\n\r\n`;
}

/** Sends bytes over a connection of their own, in one piece or several, and reads until the gateway closes it. */
export async function untilClosed(
  bed: Bed,
  bytes: string | readonly string[],
  method?: string,
): Promise<RawResponse[]> {
  const client = await RawClient.connect(bed.port);
  for (const piece of [bytes].flat()) client.send(piece);
  const responses = await client.responses(method);
  client.destroy();
  return responses;
}

/** Sends bytes over a connection of their own and reads one response; null when the gateway closes without one. */
export async function firstResponse(bed: Bed, bytes: string, method?: string): Promise<RawResponse | null> {
  const client = await RawClient.connect(bed.port);
  client.send(bytes);
  const response = await client.response(method);
  client.destroy();
  return response;
}

/** Expects the bytes to be refused with this status, once, by that side's fault, the connection closed, and the upstream untouched. */
export async function expectRefusal(
  bed: Bed,
  bytes: string | readonly string[],
  status: number | readonly number[],
  source: Source = 'client',
): Promise<void> {
  const before = bed.upstream.requests.length;
  const settled = bed.outcome(bed.outcomes.length);
  const responses = await untilClosed(bed, bytes);
  expect(responses).toHaveLength(1);
  expect([status].flat()).toContain(responses[0]?.status);
  expect(bed.upstream.requests.length).toBe(before);
  const { rejection, ...outcome } = await settled;
  const [response] = responses;
  expect(response?.complete).toBe(true);
  // The id that the caller can quote is the one that the log has.
  expect(outcome).toMatchObject({
    status: response?.status,
    requestId: response?.header('X-Request-Id'),
    permit: null,
  });
  expect(rejection === null ? null : rejectionRow(rejection.code).source).toBe(source);
}

/**
 * Sends each of the attacks and returns those that were neither refused nor carried right: whose request reached the
 * upstream with another body, or more than once, or whose answer is none.
 */
export async function misjudged(
  bed: Bed,
  attacks: readonly { readonly name: string; readonly bytes: string; readonly body: string }[],
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, bytes, body } of attacks) {
    const before = bed.upstream.requests.length;
    const response = await firstResponse(bed, bytes, bytes.slice(0, bytes.indexOf(' ')));
    const seen = bed.upstream.requests.slice(before);
    const refused =
      seen.length === 0 && (response === null || (response.status >= 400 && response.status < 500));
    const carried =
      seen.length === 1 && seen[0]?.complete && seen[0].body === body && response?.status === 200;
    if (!refused && !carried) {
      wrong.push(
        `${name}: ${response?.status}, ${JSON.stringify(seen.map((each) => [each.target, each.body]))}`,
      );
    }
  }
  return wrong;
}

/** The last test of each table: whatever its rows looked at, this is what may not have happened beside. */
export function itLetNothingThrough(bed: () => Bed): void {
  it('let nothing through that is unmarked, marked twice, malformed or smuggled, and no exception escaped', () => {
    const { upstream, bugs, outcomes } = bed();
    expect(upstream.smuggled()).toEqual([]);
    const targets = upstream.requests.map(({ target }) => target);
    expect(targets.filter((target) => target.startsWith(REFUSED) || target.startsWith(SMUGGLED))).toEqual([]);
    expect(bugs).toEqual([]);
    const ids = outcomes.flatMap(({ arrival }) => (arrival === null ? [] : [arrival.requestId]));
    expect(new Set(ids).size).toBe(ids.length);
  });
}
