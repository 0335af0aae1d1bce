/** What the management API says of a change of which the store does not say whether it survives. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openRedisStore } from '../../src/store/redis/store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

let primary: RedisServer;
let replica: RedisServer;
let plane: ControlPlane;
beforeAll(async () => {
  primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
  plane = await startControlPlane('', (clock) =>
    openRedisStore({
      url: primary.url,
      prefix: 'tg:',
      commandTimeoutMs: 5_000,
      clock,
      onLog: () => {},
      durability: { file: 'none', replicas: 1, timeoutMs: 2_000 },
    }),
  );
});
afterAll(async () => {
  replica.resume();
  await plane.close();
  await replica.stop();
  await primary.stop();
});

const ZONES = '/api/v1/zones';
const zone = (name: string) => ({ type: 'IP', name, gateways: [{ type: 'CIDR', value: '192.0.2.0/24' }] });

it('a change whose survival is unknown is 504, never done and never away; it is there, and can be looked for', async () => {
  replica.pause();
  const answer = await plane.admin.ask('POST', ZONES, zone('unsure'));
  expect(answer).toMatchObject({
    status: 504,
    body: {
      errorCode: 'E0000009',
      errorCauses: [
        { errorSummary: expect.stringMatching(/The change was made, .* Look whether it is there/) },
      ],
    },
  });
  const named = async (name: string) => {
    const { body } = await plane.admin.ask('GET', ZONES);
    return (body as { name: string }[]).filter((each) => each.name === name).length;
  };
  expect(await named('unsure')).toBe(1);
  // Who repeats it without looking is told that it is there.
  expect((await plane.admin.ask('POST', ZONES, zone('unsure'))).status).toBe(400);
  replica.resume();
  await expect
    .poll(async () => (await plane.admin.ask('POST', ZONES, zone(`sure-${Math.random()}`))).status)
    .toBeOneOf([200, 201]);
  expect(await named('unsure')).toBe(1);
});
