/**
 * What one budget for a whole fleet costs: four gateway processes and a real Redis, asked for more than there is.
 * Prints a table (docs/limits.md). Wants `redis-server` on the PATH, or TEST_REDIS_SERVER.
 */
import { Redis } from 'ioredis';
import { shareOf } from '../src/domain/share.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { Child } from './child.ts';
import { describeMachine } from './machine.ts';
import type { FleetCounts, FleetGateway } from './processes/fleet-gateway.ts';
import { table } from './table.ts';

const GATEWAYS = 4;
const WINDOW_SECONDS = 60;
/** Long enough to use up every budget here; it ends when nobody was admitted for two seconds. */
const LOAD_SECONDS = 30;
/** How long all have been refused for when it is counted what that costs. */
const REFUSED_SECONDS = 1;
const MAXIMA = [600, 6_000, 60_000];

interface Scenario {
  readonly name: string;
  readonly tokens: readonly string[];
  /** The share of each token, in percent. */
  readonly percentage: number;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'one hot token with 100 %', tokens: ['hot'], percentage: 100 },
  {
    name: '100 tokens with 50 % each',
    tokens: Array.from({ length: 100 }, (_, i) => `t${i}`),
    percentage: 50,
  },
  { name: 'two tokens with 75 % each', tokens: ['a', 'b'], percentage: 75 },
];

const sum = (counts: readonly FleetCounts[], of: (each: FleetCounts) => number) =>
  counts.reduce((total, each) => total + of(each), 0);

const server = await startRedis();
const raw = new Redis(server.url);
const gateways = Array.from({ length: GATEWAYS }, () =>
  Child.start<FleetGateway>(new URL('./processes/fleet-gateway.ts', import.meta.url)),
);
try {
  await Promise.all(gateways.map((gateway) => gateway.ask('open', server.url)));
  const rows: string[][] = [];
  for (const scenario of SCENARIOS) for (const max of MAXIMA) rows.push(await measure(scenario, max));
  const headings = [
    'who asks',
    'maximum',
    'admitted',
    'of it',
    'commands/admitted',
    'commands/refused',
    'refused',
    'p99 leased µs',
  ];
  process.stdout.write(`${describeMachine()}\n\n${table(headings, rows)}\n`);
  await Promise.all(gateways.map((gateway) => gateway.ask('close', undefined)));
} finally {
  await Promise.all(gateways.map((gateway) => gateway.end()));
  raw.disconnect();
  await server.stop();
}

async function measure({ name, tokens, percentage }: Scenario, max: number): Promise<string[]> {
  const endpoint = { name: `${name} ${max}`, max, windowSeconds: WINDOW_SECONDS };
  const load = { endpoint, tokens, share: shareOf(max, percentage) };
  const before = await scriptCalls();
  const spent = await askAll({ ...load, seconds: LOAD_SECONDS });
  const between = await scriptCalls();
  const refused = await askAll({ ...load, seconds: REFUSED_SECONDS });
  const after = await scriptCalls();
  const admitted = sum(spent, (each) => each.admitted) + sum(refused, (each) => each.admitted);
  const turnedAway = sum(refused, (each) => each.refused);
  const leased = spent.flatMap(({ leasedP99 }) => leasedP99 ?? []);
  return [
    name,
    String(max),
    `${admitted}${admitted > max ? ' TOO MANY' : ''}`,
    `${((admitted / max) * 100).toFixed(2)} %`,
    ((between - before) / admitted).toFixed(4),
    ((after - between) / turnedAway).toFixed(6),
    String(turnedAway),
    leased.length === 0 ? '–' : Math.max(...leased).toFixed(1),
  ];
}

function askAll(load: Parameters<FleetGateway['load']>[0]): Promise<FleetCounts[]> {
  return Promise.all(gateways.map((gateway) => gateway.ask('load', load)));
}

async function scriptCalls(): Promise<number> {
  const stats = await raw.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
