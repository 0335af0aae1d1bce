/** A part of a core for each of some processes, by the kernel's own limit: cgroup v1's `cpu`, for which it takes root. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const CONTROLLER = '/sys/fs/cgroup/cpu';
/** Short, so that a process that has used its part up waits for milliseconds. */
const PERIOD_US = 10_000;

/** Whether processes can be limited here. */
export function canShareCores(): boolean {
  const group = path.join(CONTROLLER, `tollgate-bench-${process.pid}`);
  try {
    mkdirSync(group);
  } catch {
    // Another version of cgroups, or somebody who is not root.
    return false;
  }
  const can = existsSync(path.join(group, 'cpu.cfs_quota_us'));
  rmdirSync(group);
  return can;
}

export class CoreShares {
  readonly #groups: string[] = [];

  /** From now on the process has so much of a core, and no more. @param part 0 to 1 */
  limit(pid: number, part: number): void {
    const group = path.join(CONTROLLER, `tollgate-bench-${pid}`);
    mkdirSync(group);
    this.#groups.push(group);
    writeFileSync(path.join(group, 'cpu.cfs_period_us'), `${PERIOD_US}`);
    writeFileSync(path.join(group, 'cpu.cfs_quota_us'), `${Math.round(PERIOD_US * part)}`);
    writeFileSync(path.join(group, 'cgroup.procs'), `${pid}`);
  }

  /** Takes the limits away. The processes have ended: a group that holds one cannot go. */
  end(): void {
    for (const group of this.#groups.splice(0)) rmdirSync(group);
  }
}
