/** Where figures go: JSON for machines, and charts for people. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Bars, chartOf } from './chart.ts';

/**
 * Writes `bench/results/NAME-TIME.json` and beside it one SVG for each chart.
 * @param report plain data, with `takenAt` as an ISO date
 */
export function writeResults(
  name: string,
  report: { readonly takenAt: string; readonly [fact: string]: unknown },
  charts: readonly Bars[],
): void {
  const folder = path.join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const stem = path.join(folder, `${name}-${report.takenAt.replaceAll(':', '-')}`);
  writeFileSync(`${stem}.json`, `${JSON.stringify(report, null, 2)}\n`);
  for (const chart of charts) writeFileSync(`${stem}-${chart.name}.svg`, chartOf(chart));
  process.stdout.write(`\nWritten to ${path.relative(process.cwd(), stem)}*\n`);
}
