/** What limits alone cost, without HTTP: four processes that ask their limit stage all the time. */
import { Redis } from 'ioredis';
import type { Credential } from '../../src/domain/token.ts';
import { aToken, aUser } from '../../test/support/records.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { Child } from '../child.ts';
import type { FleetCounts, FleetGateway } from '../processes/fleet-gateway.ts';
import { MAXIMA, SCENARIOS, type Scenario } from './scenarios.ts';
import { idleCalls, scriptCalls } from './script-calls.ts';

const GATEWAYS = 4;
const WINDOW_SECONDS = 60;
/** Long enough to use up every budget here; it ends when nobody was admitted for two seconds. */
const LOAD_SECONDS = 30;
/** Before anything is measured, so that it is on compiled code. */
const WARM_UP = { endpoint: { name: 'warm-up', max: 60_000, windowSeconds: WINDOW_SECONDS }, seconds: 3 };
/** For how long nobody asks anything while what the stores do by themselves is counted. */
const IDLE_SECONDS = 10;
/** How long all have been refused for when it is counted what that costs. */
const REFUSED_SECONDS = 1;

export const LEDGER_HEAD = [
  'limit stages alone',
  'maximum',
  'admitted',
  'of it',
  'commands/admitted',
  'refused',
  'commands while all are refused',
  'p99 leased µs',
];

/** The rows of the table. Wants `redis-server` on the PATH, or TEST_REDIS_SERVER. */
export async function measureLedgers(): Promise<string[][]> {
  const server = await startRedis();
  const redis = new Redis(server.url);
  const gateways = Array.from({ length: GATEWAYS }, () =>
    Child.start<FleetGateway>(new URL('../processes/fleet-gateway.ts', import.meta.url)),
  );
  try {
    await Promise.all(gateways.map((gateway) => gateway.ask('open', server.url)));
    const tokens = SCENARIOS.flatMap((scenario) => scenario.tokens).map(credentialOf);
    await Promise.all(gateways.map((gateway) => gateway.ask('load', { ...WARM_UP, tokens, percentage: 50 })));
    const background = await idleCalls(redis, IDLE_SECONDS);
    const rows: string[][] = [];
    for (const scenario of SCENARIOS)
      for (const max of MAXIMA) rows.push(await measure(gateways, redis, background, scenario, max));
    await Promise.all(gateways.map((gateway) => gateway.ask('close', undefined)));
    return rows;
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.end()));
    redis.disconnect();
    await server.stop();
  }
}

async function measure(
  gateways: readonly Child<FleetGateway>[],
  redis: Redis,
  /** Scripts a second when nobody asks anything. */
  background: number,
  { name, tokens, percentage }: Scenario,
  max: number,
): Promise<string[]> {
  const endpoint = { name: `${name} ${max}`, max, windowSeconds: WINDOW_SECONDS };
  const load = { endpoint, tokens: tokens.map(credentialOf), percentage };
  const askAll = (seconds: number) =>
    Promise.all(gateways.map((gateway) => gateway.ask('load', { ...load, seconds })));
  const before = await scriptCalls(redis);
  const spent = await askAll(LOAD_SECONDS);
  const between = await scriptCalls(redis);
  const refusedSince = performance.now();
  const refused = await askAll(REFUSED_SECONDS);
  const refusedSeconds = (performance.now() - refusedSince) / 1000;
  const after = await scriptCalls(redis);
  const admitted = sum(spent, (each) => each.admitted) + sum(refused, (each) => each.admitted);
  const turnedAway = sum(refused, (each) => each.refused);
  const leased = spent.flatMap(({ leasedP99 }) => leasedP99 ?? []);
  return [
    name,
    String(max),
    `${admitted}${admitted > max ? ' TOO MANY' : ''}`,
    `${((admitted / max) * 100).toFixed(2)} %`,
    ((between - before) / admitted).toFixed(4),
    String(turnedAway),
    `${after - between}, background ${(background * refusedSeconds).toFixed(1)}, for leases ${sum(refused, (each) => each.asked)}`,
    leased.length === 0 ? '–' : Math.max(...leased).toFixed(1),
  ];
}

/** A token whose share is the default one. */
function credentialOf(id: string): Credential {
  const owner = aUser();
  return { token: aToken(owner.id, { id }).token, owner, agent: null, share: null };
}

function sum(counts: readonly FleetCounts[], of: (each: FleetCounts) => number): number {
  return counts.reduce((total, each) => total + of(each), 0);
}
