import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

const GIB = 2 ** 30;

/** What the figures were taken on, in one line: machine, system, Node and commit. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = `${(totalmem() / GIB).toFixed(1)} GiB`;
  const busy = (loadavg()[0] ?? 0).toFixed(2);
  return [
    `${model}, ${availableParallelism()} cores, ${memory}, ${type()} ${release()}`,
    `Node ${process.version}`,
    `commit ${commit()}`,
    `load average before ${busy}`,
  ].join('; ');
}

function commit(): string {
  const hash = git('log', '-1', '--format=%h');
  if (hash === null) return 'unknown';
  return git('status', '--porcelain') === '' ? hash : `${hash} with uncommitted changes`;
}

function git(...words: string[]): string | null {
  const { status, stdout } = spawnSync('git', words, { cwd: import.meta.dirname, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
