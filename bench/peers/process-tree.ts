/** Processes that are not ours to ask: started on a core of their own, and read from /proc. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts processor time in hundredths of a second (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** How long a process may take to end by itself, in milliseconds. */
const LONGEST_END_MS = 5_000;

/** Whether processes can be given a core of their own. */
export const canPin = spawnSync('taskset', ['--version']).status === 0;

/** Whether a command is there to be run. */
export function isInstalled(command: string): boolean {
  return spawnSync('which', [command]).status === 0;
}

export class ProcessTree {
  readonly #root: ChildProcess;
  #said = '';

  private constructor(root: ChildProcess) {
    this.#root = root;
    root.stderr?.on('data', (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString()).slice(-4_000);
    });
  }

  /** @param core on which it and its children run; null leaves that to the system, as does a machine without taskset */
  static start(command: string, args: readonly string[], core: number | null): ProcessTree {
    const pinned = core !== null && canPin;
    const [program, ...rest] = pinned
      ? ['taskset', '-c', String(core), command, ...args]
      : [command, ...args];
    return new ProcessTree(spawn(program ?? command, rest, { stdio: ['ignore', 'ignore', 'pipe'] }));
  }

  get pid(): number {
    return this.#root.pid ?? 0;
  }

  /** @throws Error with what it said when it has ended */
  checkAlive(): void {
    if (this.#root.exitCode !== null) throw new Error(`it ended with ${this.#root.exitCode}: ${this.#said}`);
  }

  /** Processor time of the process and its children so far: user and system, microseconds. */
  cpuMicroseconds(): number {
    return this.#all().reduce((sum, pid) => sum + cpuOf(pid), 0);
  }

  /** Resident memory of the process and its children, in bytes; what they share is counted for each. */
  residentBytes(): number {
    return this.#all().reduce((sum, pid) => sum + residentOf(pid), 0);
  }

  async end(): Promise<void> {
    if (this.#root.exitCode !== null || this.#root.signalCode !== null) return;
    const ended = once(this.#root, 'exit');
    this.#root.kill('SIGTERM');
    const patience = setTimeout(() => this.#root.kill('SIGKILL'), LONGEST_END_MS);
    await ended;
    clearTimeout(patience);
  }

  /** The process, and all that it has started. */
  get pids(): readonly number[] {
    return this.#all();
  }

  #all(): number[] {
    const children = new Map<number, number[]>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const parent = Number(statOf(Number(name))?.[1] ?? 0);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    }
    const all = [this.pid];
    for (const pid of all) all.push(...(children.get(pid) ?? []));
    return all;
  }
}

/** The fields of /proc/PID/stat behind the name, which may hold spaces; null when the process is gone. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It has ended meanwhile.
    return null;
  }
}

function cpuOf(pid: number): number {
  const fields = statOf(pid);
  // proc_pid_stat(5): utime and stime are fields 14 and 15, the state is field 3.
  const ticks = Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0);
  return (ticks * 1_000_000) / TICKS_PER_SECOND;
}

function residentOf(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    // It has ended meanwhile.
    return 0;
  }
}
