/** No variant is measured that does less than it is asked: each must answer as the upstream itself would. */
import { isDeepStrictEqual } from 'node:util';
import { ANSWER, PATH, requestHeaders } from './request.ts';

interface Probe {
  readonly method: string;
  readonly target: string;
  readonly body: string | null;
}

const MEASURED: Probe = { method: 'GET', target: PATH, body: null };

/** A query, statuses other than 200, and bodies on the way there: what a shortcut would lose. */
const FORWARDED: readonly Probe[] = [
  MEASURED,
  { method: 'GET', target: '/api/v1/users?search=profile.login%20eq%20%22a%22&limit=2', body: null },
  { method: 'GET', target: '/api/v1/users/nobody?status=404', body: null },
  { method: 'POST', target: '/api/v1/users?status=201', body: JSON.stringify({ text: 'é'.repeat(2000) }) },
  { method: 'DELETE', target: `${PATH}/sessions?status=500`, body: null },
];

/**
 * @param upstream the origin whose answers count, or null for a variant that answers the constant itself
 * @throws Error that shows the first answer that differs
 */
export async function checkFairness(variant: string, upstream: string | null, secret: string): Promise<void> {
  for (const probe of upstream === null ? [MEASURED] : FORWARDED) {
    const wanted =
      upstream === null
        ? { status: 200, type: 'application/json', body: ANSWER }
        : await ask(upstream, probe, secret);
    const got = await ask(variant, probe, secret);
    if (isDeepStrictEqual(got, wanted)) continue;
    throw new Error(
      `${probe.method} ${probe.target} was answered ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`,
    );
  }
}

async function ask(origin: string, { method, target, body }: Probe, secret: string) {
  const headers = requestHeaders(secret);
  const response = await fetch(origin + target, { method, headers, body });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: await response.text(),
  };
}
