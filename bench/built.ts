/** What is measured is what the image runs: the program that `npm run build` makes. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rolldown } from 'rolldown';
import config from '../rolldown.config.ts';

let built: Promise<string> | null = null;

/** Builds these sources, once, in a folder that goes with this process. @returns the program's file */
export function builtProgram(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tollgate-built-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { output, ...input } = config;
  const bundle = await rolldown({ ...input, cwd: path.join(import.meta.dirname, '..') });
  await bundle.write({ ...output, dir: folder });
  await bundle.close();
  return path.join(folder, 'main.js');
}
