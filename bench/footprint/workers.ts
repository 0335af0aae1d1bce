/** One worker process beside two. */
import type { RunningPeer } from '../peers/peers.ts';
import type { Surroundings } from '../peers/surroundings.ts';
import { LOAD_CORE } from '../peers/surroundings.ts';
import { startTollgate } from '../peers/tollgate.ts';
import { ask } from '../peers/wrk.ts';
import { PATH, requestHeaders } from '../request.ts';
import { CoreShares } from './core-share.ts';

export interface WorkersRow {
  readonly workers: number;
  readonly turns: readonly WorkersTurn[];
}

export interface WorkersTurn {
  readonly cpuMicroseconds: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

const WORKERS = [1, 2];
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;

/**
 * Both run all the time and take turns; they may use every core, which load and upstream use as well.
 * @param part how much of a core each worker may use, 0 to 1; null for what there is
 */
export async function measureWorkers(
  around: Surroundings,
  rounds: number,
  seconds: number,
  part: number | null,
): Promise<WorkersRow[]> {
  const shares = new CoreShares();
  const rows: { workers: number; turns: WorkersTurn[] }[] = [];
  const running = [];
  try {
    for (const workers of WORKERS) {
      const started = await startTollgate(around, { workers }, null);
      running.push(started);
      if (part !== null) for (const pid of workersOf(started)) shares.limit(pid, part);
      rows.push({ workers, turns: [] });
    }
    for (let round = 0; round <= rounds; round++) {
      for (const [at, { origin, tree }] of running.entries()) {
        const headers = requestHeaders(around.secrets[0] ?? '');
        const plan = { origin, path: PATH, headers, connections: CONNECTIONS, core: LOAD_CORE, script: null };
        const before = tree.cpuMicroseconds();
        const answered = await ask({ ...plan, seconds: round === 0 ? WARM_UP_SECONDS : seconds });
        if (answered.refused + answered.failed > 0) throw new Error('requests were refused or failed');
        const cpuMicroseconds = (tree.cpuMicroseconds() - before) / answered.requests;
        const { requestsPerSecond, p99Ms } = answered;
        if (round > 0) rows[at]?.turns.push({ cpuMicroseconds, requestsPerSecond, p99Ms });
      }
    }
    return rows;
  } finally {
    await Promise.all(running.map((each) => each.end()));
    shares.end();
  }
}

/** The processes that carry requests: of several, all but the first. */
function workersOf({ tree }: RunningPeer): readonly number[] {
  const [first = 0, ...others] = tree.pids;
  return others.length === 0 ? [first] : others;
}
