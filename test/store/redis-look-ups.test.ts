/** Look-ups that come together (docs/adr/0027-very-many-tokens.md). */
import { expect, it } from 'vitest';
import { StoreAway } from '../../src/domain/store.ts';
import { aToken, aUser } from '../support/records.ts';
import { aServer, open, rawClient } from './redis-bench.ts';

const owner = aUser();
const tokens = Array.from({ length: 300 }, () => aToken(owner.id).token);
const unknown = aToken(owner.id).token;

async function aSite() {
  const server = await aServer();
  const raw = rawClient(server.url);
  const { store } = await open(server.url);
  await store.commit([
    { put: 'user', user: owner },
    ...tokens.map((token) => ({ put: 'token', token }) as const),
  ]);
  /** How often scripts were run. */
  const scripts = async () =>
    [...(await raw.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
      (sum, [, calls]) => sum + Number(calls),
      0,
    );
  return { raw, store, scripts };
}

it('look-ups of one turn of the event loop are two commands for 300 tokens, and each gets its own answer', async () => {
  const { store, scripts } = await aSite();
  await store.findByHash(unknown.hash);
  const before = await scripts();
  const asked = [...tokens, unknown].reverse();
  const found = await Promise.all(asked.map(({ hash }) => store.findByHash(hash)));
  expect(found.map((each) => each?.token ?? null)).toEqual([null, ...[...tokens].reverse()]);
  expect((await scripts()) - before).toBe(2);
});

it('look-ups that come together fail together when the store is away, each with its reason', async () => {
  const { raw, store } = await aSite();
  await raw.del('tg:{m}:identity');
  const asked = await Promise.allSettled(tokens.map(({ hash }) => store.findByHash(hash)));
  for (const each of asked) expect(each).toMatchObject({ status: 'rejected', reason: expect.any(StoreAway) });
});

it('a record that cannot be read fails who asks for it, and nobody who asks beside', async () => {
  const { raw, store } = await aSite();
  const [broken, whole] = tokens;
  if (broken === undefined || whole === undefined) throw new Error('there are 300');
  // An owner that is no JSON: the script hands it on as it is.
  await raw.hset('tg:{m}:user', 'another', 'no JSON');
  const record = await raw.hget('tg:{m}:token', broken.id);
  await raw.hset('tg:{m}:token', broken.id, (record ?? '').replace(owner.id, 'another'));
  const [first, second] = await Promise.allSettled([
    store.findByHash(broken.hash),
    store.findByHash(whole.hash),
  ]);
  expect(first.status).toBe('rejected');
  expect(second).toMatchObject({ status: 'fulfilled', value: { token: { id: whole.id } } });
});
