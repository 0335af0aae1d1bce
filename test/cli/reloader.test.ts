import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Reloader } from '../../src/cli/reloader.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { FilesRead } from '../../src/config/files-read.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

const LOOK_MS = 5_000;

let folder: string;
let file: string;
let clock: ManualClock;
let applied: Config[];
let apply: (config: Config) => Promise<void>;
let logged: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-reloader-'));
  file = join(folder, 'tollgate.yaml');
  clock = manualClock();
  applied = [];
  apply = async (config) => {
    applied.push(config);
  };
  logged = '';
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = (retries: unknown, more = '') =>
  `forward: { upstreams: [{ name: api, targets: ["http://127.0.0.1:1"], paths: [/] }], retries: ${retries} }\n${more}`;

function reloader(): Reloader {
  const files = new FilesRead();
  const config = loadConfig(file, {}, files.read);
  const write = (chunk: unknown, _encoding: unknown, done: () => void) => {
    logged += String(chunk);
    done();
  };
  const log = createLog('info', new Writable({ write }));
  return new Reloader(config, files, { file, env: {}, clock, log, apply: (next) => apply(next) });
}

/** Lets a reload that a look has begun end. */
const settled = () => new Promise(setImmediate);

async function look(times: number): Promise<void> {
  for (let looked = 0; looked < times; looked += 1) {
    clock.advance(LOOK_MS);
    await settled();
  }
}

describe('a watched configuration', () => {
  it('is reloaded at the second look that finds it changed, and not again until it changes again', async () => {
    writeFileSync(file, text(1));
    reloader().watch(LOOK_MS);
    await look(3);
    expect(applied).toEqual([]);
    writeFileSync(file, text(2));
    await look(1);
    expect(applied).toEqual([]);
    await look(4);
    expect(applied.map(({ forward }) => forward.retries)).toEqual([2]);
    writeFileSync(file, text(3));
    await look(2);
    expect(applied.map(({ forward }) => forward.retries)).toEqual([2, 3]);
  });

  it('is left alone while it changes from look to look', async () => {
    writeFileSync(file, text(1));
    reloader().watch(LOOK_MS);
    for (const retries of [2, 3, 4]) {
      writeFileSync(file, text(retries));
      await look(1);
    }
    expect(applied).toEqual([]);
    await look(1);
    expect(applied.map(({ forward }) => forward.retries)).toEqual([4]);
  });

  it('is followed through the symbolic links by which Kubernetes swaps a ConfigMap', async () => {
    for (const version of ['1', '2']) {
      mkdirSync(join(folder, `..${version}`));
      writeFileSync(join(folder, `..${version}`, 'tollgate.yaml'), text(version));
    }
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/tollgate.yaml', file);
    reloader().watch(LOOK_MS);
    symlinkSync('..2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await look(2);
    expect(applied.map(({ forward }) => forward.retries)).toEqual([2]);
  });

  it('is reloaded when only a file of endpoints has changed, also one that was missing before', async () => {
    writeFileSync(file, text(1));
    const watched = reloader();
    watched.watch(LOOK_MS);
    writeFileSync(file, text(1, 'endpointFiles: [more.yaml]\n'));
    await look(2);
    expect(watched.trouble).toContain('cannot be read');
    writeFileSync(join(folder, 'more.yaml'), 'endpoints: [{ name: few, match: GET /few, max: 1 }]\n');
    await look(2);
    expect(watched.trouble).toBeNull();
    expect(applied.at(-1)?.endpoints).toMatchObject([{ name: 'few' }]);
  });

  it('is refused once, and not at every look, while it stays wrong', async () => {
    writeFileSync(file, text(1));
    const watched = reloader();
    watched.watch(LOOK_MS);
    writeFileSync(file, text('many'));
    await look(5);
    expect(watched.refused).toBe(1);
    writeFileSync(file, text(1));
    await look(2);
    expect(watched).toMatchObject({ trouble: null, generation: 2 });
  });
});

describe('a reload', () => {
  it('says every problem in one line of the log, and nothing that is secret', async () => {
    writeFileSync(file, text(1));
    const watched = reloader();
    writeFileSync(file, text('many', 'workers: 0\nstore: { kind: redis, url: "http://u:s3cret@x" }\n'));
    await watched.reload();
    const lines = logged.trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ component: 'config', level: 50 });
    for (const part of ['forward.retries', 'workers', 'store.url']) expect(logged).toContain(part);
    expect(logged).not.toContain('s3cret');
    expect(watched.trouble).toContain('(and 2 more in the log)');
  });

  it('that cannot be put in force leaves the one before in force, and says why', async () => {
    writeFileSync(file, text(1));
    const watched = reloader();
    apply = () => Promise.reject(new Error('no'));
    writeFileSync(file, text(2));
    expect(await watched.reload()).toEqual({ applied: false, problems: ['no'] });
    expect(watched.config.forward.retries).toBe(1);
  });

  it('waits for the one before, so that the last one asked for is the one in force', async () => {
    writeFileSync(file, text(1));
    const watched = reloader();
    const order: string[] = [];
    apply = async ({ forward }) => {
      order.push(`begin ${forward.retries}`);
      await settled();
      order.push(`end ${forward.retries}`);
    };
    writeFileSync(file, text(2));
    const first = watched.reload();
    await Promise.resolve();
    writeFileSync(file, text(3));
    await Promise.all([first, watched.reload()]);
    expect(order).toEqual(['begin 2', 'end 2', 'begin 3', 'end 3']);
  });
});
