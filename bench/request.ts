/** The one request that every variant is measured with, and what the upstream answers to it. */

const USER_ID = '00u1ero7vZFVEIYLWPBN';

export const PATH = `/api/v1/users/${USER_ID}`;

/** What the upstream answers to `GET PATH`: a small JSON object, as a user's record is. */
export const ANSWER = JSON.stringify({
  id: USER_ID,
  status: 'ACTIVE',
  created: '2026-01-01T00:00:00.000Z',
  profile: { firstName: 'Isaac', lastName: 'Brock', login: 'isaac.brock@example.com' },
});

/** The caller, two hops away: a load balancer on this machine names it. The zone of the benchmark holds it. */
const CALLER = '203.0.113.9';

/** The same headers for every variant, so that all read heads of the same size. */
export function requestHeaders(secret: string): Record<string, string> {
  return {
    Accept: 'application/json',
    'User-Agent': 'tollgate-bench',
    Authorization: `SSWS ${secret}`,
    'X-Forwarded-For': CALLER,
  };
}
