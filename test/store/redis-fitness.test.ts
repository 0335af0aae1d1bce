import { describe, expect, it } from 'vitest';
import { judgeFitness, type ServerFacts, unfitness } from '../../src/store/redis/fitness.ts';
import { aServer, open, rawClient } from './redis-bench.ts';

const fit = {
  redis_version: '7.0.15',
  role: 'master',
  loading: '0',
  aof_enabled: '1',
  aof_last_write_status: 'ok',
  maxmemory_policy: 'noeviction',
};
const info = (facts: Record<string, string>) =>
  `# Server\r\n${Object.entries({ ...fit, ...facts })
    .map((fact) => fact.join(':'))
    .join('\r\n')}\r\n`;

describe('a Redis', () => {
  const table: readonly [string, Record<string, string>, RegExp][] = [
    ['without an append-only file', { aof_enabled: '0' }, /set "appendonly yes"/],
    [
      'that drops keys when it is full',
      { maxmemory_policy: 'allkeys-lru' },
      /set "maxmemory-policy noeviction"/,
    ],
    ['that drops counters when it is full', { maxmemory_policy: 'volatile-ttl' }, /volatile-ttl/],
    ['of version 6', { redis_version: '6.2.14' }, /of version 6\.2\.14: 7\.0 or later/],
    ['of no known version', { redis_version: '' }, /7\.0 or later/],
    ['that is a replica', { role: 'slave' }, /give the address of the primary/],
    ['that is loading', { loading: '1' }, /still loading/],
    ['that cannot write its file', { aof_last_write_status: 'err' }, /look at its disk/],
  ];
  for (const [what, facts, line] of table) {
    it(`${what} is unfit, and one line says what to do`, () => {
      expect(unfitness(info(facts))).toEqual([expect.stringMatching(line)]);
    });
  }

  it('that is fit has nothing said of it, whatever its later version', () => {
    expect(unfitness(info({}))).toEqual([]);
    expect(unfitness(info({ redis_version: '10.0.0' }))).toEqual([]);
  });

  it('with several faults has a line for each, the gravest first', () => {
    const lines = unfitness(info({ aof_enabled: '0', maxmemory_policy: 'allkeys-lru', role: 'slave' }));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/replica/);
  });

  it('of these tests is fit, and is not once it is set up otherwise', async () => {
    const server = await aServer();
    const { store } = await open(server.url);
    const unfit = async () => (await store.fitness()).filter(({ severity }) => severity === 'unfit');
    expect(await unfit()).toEqual([]);
    const raw = rawClient(server.url);
    await raw.config('SET', 'appendonly', 'no');
    await raw.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await unfit()).toHaveLength(2);
    expect(await store.trouble()).toBe(
      `Redis at 127.0.0.1:${server.port} is not fit: Its append-only file is off, so a restart can lose tokens: set "appendonly yes".`,
    );
  });
});

describe('a Redis that can lose more than it need', () => {
  const server = (facts: Partial<ServerFacts>): ServerFacts => ({
    ...{ kind: 'single', info: info({}), clusterInfo: null, appendfsync: 'everysec', aheadMs: 0 },
    needsWaitaof: false,
    ...facts,
  });
  const clusterInfo = (served: number, state: string) =>
    `cluster_state:${state}\r\ncluster_slots_ok:${served}\r\n`;

  const table: readonly [string, Partial<ServerFacts>, string, RegExp][] = [
    ['since nobody writes its file to disk', { appendfsync: 'no' }, 'doubtful', /set "appendfsync everysec"/],
    ['since Sentinel has no replica', { kind: 'sentinel' }, 'doubtful', /no replica/],
    [
      'since it does not wait for its replicas',
      { info: info({ connected_slaves: '1' }) },
      'doubtful',
      /set "min-replicas-to-write 1"/,
    ],
    ['since its clock is ahead', { aheadMs: 1_500 }, 'doubtful', /1\.5 s ahead of the one here/],
    ['since its clock is behind', { aheadMs: -61_000 }, 'doubtful', /61\.0 s behind the one here/],
    [
      'since it is a node of a cluster under another URL',
      { info: info({ cluster_enabled: '1' }) },
      'unfit',
      /write redis\+cluster:/,
    ],
    ['since it must say what is on disk', { needsWaitaof: true }, 'unfit', /7\.2 or later is needed/],
    [
      'since nobody serves some slots',
      { kind: 'cluster', clusterInfo: clusterInfo(16_000, 'fail') },
      'unfit',
      /16384 slots 16000 are served/,
    ],
    [
      'since its cluster has failed',
      { kind: 'cluster', clusterInfo: clusterInfo(16_384, 'fail') },
      'unfit',
      /in the state fail/,
    ],
  ];
  for (const [why, facts, severity, line] of table) {
    it(`${why} is ${severity}, and one line says what to do`, () => {
      expect(judgeFitness(server(facts))).toEqual([{ severity, line: expect.stringMatching(line) }]);
    });
  }

  it('has nothing said of it when it is set up as it should be', () => {
    const replicated = info({ connected_slaves: '1', min_slaves_good_slaves: '1' });
    const facts = { info: replicated, aheadMs: 400, appendfsync: 'always' };
    expect(judgeFitness(server({ ...facts, kind: 'sentinel' }))).toEqual([]);
    const later = { info: info({ redis_version: '7.2.4' }), needsWaitaof: true };
    expect(judgeFitness(server(later))).toEqual([]);
    const cluster = { kind: 'cluster', clusterInfo: clusterInfo(16_384, 'ok') } as const;
    expect(judgeFitness(server({ ...facts, ...cluster }))).toEqual([]);
  });
});
