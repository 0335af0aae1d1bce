import { expect, it } from 'vitest';
import type { Change } from '../../src/domain/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { aToken, aUser } from '../support/records.ts';
import { Ear } from './ear.ts';
import { aServer, rawClient } from './redis-bench.ts';

/** Hears how long changes were under way. */
class LagEar extends Ear {
  readonly lags: number[] = [];
  /** What had been heard when each lag was told. */
  readonly actedOn: Change[][] = [];

  onLag(lagMs: number): void {
    this.lags.push(lagMs);
    this.actedOn.push([...this.changes]);
    // Wakes those who wait, as a change does.
    this.onGap();
  }
}

async function openAt(url: string, clock = systemClock) {
  return openRedisStore({ url, prefix: 'tg:', commandTimeoutMs: 5_000, clock });
}

it('a gateway is told how long each pushed change was under way, after it has acted on it', async () => {
  const server = await aServer();
  const [gateway, writer] = [await openAt(server.url), await openAt(server.url)];
  try {
    const ear = new LagEar();
    await gateway.subscribe(ear);
    const begun = performance.now();
    const user = aUser();
    const many = Array.from({ length: 300 }, () => aToken(user.id).token);
    await writer.commit([{ put: 'user', user }]);
    await ear.until(() => ear.lags.length === 1);
    // A commit in parts says of each part when it was written.
    await writer.commit(many.map((token) => ({ put: 'token', token })));
    await ear.until(() => ear.lags.length === 3);
    const elapsed = performance.now() - begun;
    expect(ear.actedOn.map((changes) => changes.at(-1)?.of)).toEqual(['user', 'tokens', 'tokens']);
    const told = ear.changes.flatMap((change) => (change.of === 'tokens' ? change.hashes : []));
    expect(told.sort()).toEqual(many.map(({ hash }) => hash).sort());
    for (const lag of ear.lags) {
      expect(lag).toBeGreaterThanOrEqual(0);
      // It may be said to be longer than it was by what an answer took, which was before.
      expect(lag).toBeLessThan(elapsed + 5_000);
    }
  } finally {
    await Promise.all([gateway.close(), writer.close()]);
  }
});

it('a change of an earlier version, which says no time, is acted on and not measured', async () => {
  const server = await aServer();
  const gateway = await openAt(server.url);
  try {
    const ear = new LagEar();
    await gateway.subscribe(ear);
    await rawClient(server.url).publish('tg:changes', '[{"of":"user","id":"00u1"}]');
    await ear.until(() => ear.changes.length === 1);
    expect(ear.changes).toEqual([{ of: 'user', id: '00u1' }]);
    expect(ear.lags).toEqual([]);
    expect(ear.gaps).toBe(0);
  } finally {
    await gateway.close();
  }
});
