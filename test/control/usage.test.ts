import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topSchema } from '../../src/control/usage/operations.ts';
import { newId } from '../../src/domain/ids.ts';
import { HOUR_MS } from '../../src/domain/request-counts.ts';
import { type ControlPlane, type Person, startControlPlane } from './control-plane.ts';
import { validation } from './expected.ts';
import { STORES } from './stores.ts';

const TOP = '/api/v1/usage/top';

describe.each(STORES)('the busiest tokens over %s', (_, open) => {
  let plane: ControlPlane;
  let busy: Person;
  let calm: Person;
  beforeAll(async () => {
    plane = await startControlPlane('account: { flushEvery: 1s, touchEvery: 60s }', open);
    busy = await plane.person([]);
    calm = await plane.person([]);
    const [of, at] = [(id: string, requests: number) => ({ tokenId: id, requests }), plane.clock.now()];
    const { store } = plane;
    await store.count({ id: 'now', at, tokens: [of(busy.token.id, 900), of(calm.token.id, 7)] });
    await store.count({ id: 'before', at: at - 5 * HOUR_MS, tokens: [of(calm.token.id, 2000)] });
    await store.count({ id: 'gone', at, tokens: [of(newId('00T'), 1)] });
  });
  afterAll(() => plane.close());

  const top = async (query = '') => topSchema.parse((await plane.admin.ask('GET', TOP + query)).body);
  const names = async (query: string) => (await top(query)).tokens.map(({ id, requests }) => [id, requests]);

  it('are listed with name and owner, those of the last hour unless more is asked for, without what is gone', async () => {
    const { user, token } = busy;
    expect((await top()).tokens[0]).toEqual({
      id: token.id,
      name: token.name,
      userId: user.id,
      ownerLogin: user.login,
      revoked: false,
      requests: 900,
    });
    expect(await names('')).toEqual([
      [busy.token.id, 900],
      [calm.token.id, 7],
    ]);
    expect(await names('?hours=24')).toEqual([
      [calm.token.id, 2007],
      [busy.token.id, 900],
    ]);
  });

  it('are as many as are asked for, and say from when on they were counted', async () => {
    expect((await top('?hours=24&limit=1')).tokens).toHaveLength(1);
    const { since, until } = await top('?hours=3');
    expect(Date.parse(since) % HOUR_MS).toBe(0);
    const lookedBack = Date.parse(until) - Date.parse(since);
    expect(lookedBack).toBeGreaterThanOrEqual(3 * HOUR_MS);
    expect(lookedBack).toBeLessThan(4 * HOUR_MS);
  });

  it.each(['0', '25', '-1', '1.5', 'x', ''])('are refused for hours=%s', async (hours) => {
    const refused = validation('hours', 'hours: must be a whole number from 1 to 24');
    expect(await plane.admin.ask('GET', `${TOP}?hours=${hours}`)).toMatchObject(refused);
  });

  it('are nobody’s business who does not read for the whole organisation', async () => {
    expect((await busy.ask('GET', TOP)).status).toBe(403);
  });

  it('count what this API was asked, a minute later', async () => {
    const asking = await plane.person(['READ_ONLY_ADMIN']);
    for (let n = 0; n < 3; n++) await asking.ask('GET', TOP);
    for (let second = 0; second < 61; second++) plane.clock.advance(1000);
    await expect.poll(() => names('')).toContainEqual([asking.token.id, 3]);
  });
});
