import type { RedisPlace } from '../../domain/redis-url.ts';

/** What is wrong with a Redis as the system of record, in one line that says what to set. */
export interface FitnessFinding {
  /** `unfit`: it must not be used so. `doubtful`: it works, and can lose more than it need. */
  readonly severity: 'unfit' | 'doubtful';
  readonly line: string;
}

/** What one server says of itself. */
export interface ServerFacts {
  readonly kind: RedisPlace['kind'];
  /** The answer to `INFO`. */
  readonly info: string;
  /** The answer to `CLUSTER INFO`; null where there is no cluster. */
  readonly clusterInfo: string | null;
  /** Null where CONFIG may not be asked. */
  readonly appendfsync: string | null;
  /** Whether changes may only be written where the server says what is on disk (`Durability`). */
  readonly needsWaitaof: boolean;
  /** By how much its clock is ahead of the one here, in milliseconds; null when it is not known. */
  readonly aheadMs: number | null;
}

/** The oldest major version with all that the scripts use (ZRANGE BYLEX in scripts, PEXPIRETIME, multi-part AOF). */
const OLDEST_MAJOR = 7;
/** The oldest version that has it; Valkey says 7.2 or later here. */
const WAITAOF = { major: 7, minor: 2 };
const SLOTS = '16384';
/** Of two clocks that are kept by NTP, and the time that an answer takes. */
const APART_MS = 1_000;

/** All findings about one server, the gravest first. */
export function judgeFitness(facts: ServerFacts): readonly FitnessFinding[] {
  return [
    ...unfitness(facts.info).map((line) => ({ severity: 'unfit', line }) as const),
    ...misplacement(facts).map((line) => ({ severity: 'unfit', line }) as const),
    ...silence(facts).map((line) => ({ severity: 'unfit', line }) as const),
    ...doubts(facts).map((line) => ({ severity: 'doubtful', line }) as const),
  ];
}

/**
 * What makes a Redis unfit to be the system of record, each in one line that says what to set; the gravest first.
 * @param info the answer to `INFO`
 */
export function unfitness(info: string): readonly string[] {
  const facts = factsOf(info);
  const is = (name: string, value: string) => facts.get(name) === value;
  const version = facts.get('redis_version') ?? 'unknown';
  const policy = facts.get('maxmemory_policy') ?? 'noeviction';
  const lines: string[] = [];
  if (is('loading', '1')) lines.push('It is still loading its data: wait.');
  if (is('role', 'slave'))
    lines.push('It is a replica and cannot be written to: give the address of the primary.');
  if (!(Number.parseInt(version, 10) >= OLDEST_MAJOR)) {
    lines.push(`It is of version ${version}: ${OLDEST_MAJOR}.0 or later is needed.`);
  }
  if (is('aof_enabled', '0'))
    lines.push('Its append-only file is off, so a restart can lose tokens: set "appendonly yes".');
  if (is('aof_last_write_status', 'err'))
    lines.push('It cannot write its append-only file: look at its disk.');
  if (policy !== 'noeviction') {
    lines.push(`It may drop keys when its memory is full (${policy}): set "maxmemory-policy noeviction".`);
  }
  return lines;
}

/** Whether it is what the URL says. */
function misplacement({ kind, info, clusterInfo }: ServerFacts): readonly string[] {
  const isNode = factsOf(info).get('cluster_enabled') === '1';
  if (isNode && kind !== 'cluster') {
    return ['It is a node of a cluster: write redis+cluster:// in place of redis://.'];
  }
  if (clusterInfo === null) return [];
  const facts = factsOf(clusterInfo);
  const served = facts.get('cluster_slots_ok') ?? '0';
  if (served !== SLOTS) {
    return [`Of the cluster's ${SLOTS} slots ${served} are served: see "redis-cli --cluster check".`];
  }
  const state = facts.get('cluster_state');
  return state === 'ok' ? [] : [`Its cluster is in the state ${state}: see "redis-cli --cluster check".`];
}

/** Whether it cannot say what it must. */
function silence({ info, needsWaitaof }: ServerFacts): readonly string[] {
  if (!needsWaitaof) return [];
  const version = factsOf(info).get('redis_version') ?? 'unknown';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > WAITAOF.major || (major === WAITAOF.major && minor >= WAITAOF.minor)) return [];
  return [
    `It is of version ${version} and cannot say what is on disk (WAITAOF): 7.2 or later is needed for store.durability.file required.`,
  ];
}

function doubts({ kind, info, appendfsync, aheadMs }: ServerFacts): readonly string[] {
  const facts = factsOf(info);
  const replicas = Number(facts.get('connected_slaves') ?? 0);
  const lines: string[] = [];
  if (appendfsync === 'no') {
    lines.push('It leaves to the system when its file is on disk: set "appendfsync everysec" or "always".');
  }
  if (kind === 'sentinel' && replicas === 0) {
    lines.push('It has no replica, so Sentinel has nothing to make the primary: start one.');
  }
  // INFO has this line where min-replicas-to-write is set.
  if (replicas > 0 && !facts.has('min_slaves_good_slaves')) {
    lines.push(
      'It takes writes that no replica has, so a failover can lose them: set "min-replicas-to-write 1".',
    );
  }
  if (aheadMs !== null && Math.abs(aheadMs) > APART_MS) {
    const way = aheadMs > 0 ? 'ahead of' : 'behind';
    const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
    lines.push(`Its clock is ${seconds} s ${way} the one here: keep both by NTP.`);
  }
  return lines;
}

function factsOf(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)] as const;
    }),
  );
}
