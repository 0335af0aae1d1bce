/** How long it takes from nothing to the first answer. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../../test/support/free-port.ts';
import { NODE_FLAGS } from '../../test/support/node-flags.ts';
import { builtProgram } from '../built.ts';
import { ProcessTree } from '../peers/process-tree.ts';

export interface ColdStart {
  readonly name: string;
  /** Milliseconds of each start. */
  readonly took: readonly number[];
}

const SOURCES = path.join(import.meta.dirname, '../../src/main.ts');
const TRY_AGAIN_MS = 2;
const LONGEST_MS = 60_000;

/** Starts each program so often, in turns, each time with an empty store. */
export async function measureColdStarts(starts: number): Promise<ColdStart[]> {
  const built = await builtProgram();
  const all = [
    { name: 'node dist/main.js serve --role gateway', main: built, role: 'gateway', took: [] as number[] },
    { name: 'node dist/main.js serve --role all', main: built, role: 'all', took: [] as number[] },
    { name: 'node src/main.ts serve --role all', main: SOURCES, role: 'all', took: [] as number[] },
  ];
  for (let start = 0; start < starts; start++) {
    for (const { main, role, took } of all) took.push(await coldStart(main, role));
  }
  return all.map(({ name, took }) => ({ name, took }));
}

/** From the start of the process until a request was answered, with a new embedded store and the echo upstream. */
async function coldStart(main: string, role: string): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-cold-'));
  const port = await freePort();
  const file = path.join(folder, 'tollgate.yaml');
  const config = {
    listen: { proxy: `127.0.0.1:${port}`, admin: '127.0.0.1:0', metrics: '127.0.0.1:0' },
    store: { kind: 'embedded', path: path.join(folder, 'tollgate.db') },
    forward: { upstreams: [{ name: 'echo', targets: ['builtin:echo'], paths: ['/'] }] },
  };
  writeFileSync(file, JSON.stringify(config));
  const startedAt = performance.now();
  const tree = ProcessTree.start(
    process.execPath,
    [...NODE_FLAGS, main, 'serve', '--config', file, '--role', role],
    null,
  );
  try {
    // A refusal, since there is no token: only the whole gateway can give it.
    while (!(await answers(port))) {
      tree.checkAlive();
      if (performance.now() - startedAt > LONGEST_MS) throw new Error('it does not answer');
      await setTimeout(TRY_AGAIN_MS);
    }
    return performance.now() - startedAt;
  } finally {
    await tree.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.resume();
      resolve(true);
    });
    asked.once('error', () => resolve(false));
    asked.end();
  });
}
