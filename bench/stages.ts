/**
 * What each stage costs: `npm run bench`. Every variant runs in a process of its own, and they take turns.
 * See docs/benchmarks.md.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describeMachine } from './machine.ts';
import { type Options, readOptions } from './options.ts';
import { makeReport } from './report.ts';
import { type Plan, run, SMOKE } from './run.ts';
import { formatReport } from './table.ts';

/** Long enough for the compiler to have settled. */
const WARM_UP = { seconds: 2 };

/** Shorter than what else a machine does, and long enough for a thousand requests. */
const TURN = { seconds: 0.5 };

const options = readOptions(process.argv);
const plan = planOf(options);
// Before the run: afterwards the machine is busy with what we did ourselves.
const machine = describeMachine();
const report = makeReport(await run(plan, progress), plan, machine);
process.stdout.write(`\n${formatReport(report)}`);
const file = path.join(options.results, `stages-${report.takenAt.replaceAll(':', '-')}.json`);
mkdirSync(options.results, { recursive: true });
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`\nWritten to ${path.relative(process.cwd(), file)}\n`);

function planOf({ only: variants, smoke, rounds, seconds, connections }: Options): Plan {
  if (smoke) return { variants, ...SMOKE };
  return { variants, rounds, turns: seconds / TURN.seconds, turn: TURN, warmUp: WARM_UP, connections };
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
