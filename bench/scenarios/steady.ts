/** A load of so many requests a second: docs/load-testing.md. */
import { wholeNumber } from '../options.ts';
import { putLoad } from './load.ts';
import { asksOf, type ScenarioOptions, scenario } from './options.ts';
import { reportOf } from './report.ts';
import { runScenario } from './run.ts';

const options = scenario('steady', 'Asks so often a second.')
  .option('--rate <number>', 'requests a second, of all connections together', wholeNumber(1_000_000), 100)
  .parse()
  .opts<ScenarioOptions & { readonly rate: number }>();

await runScenario(async () => {
  const { url, connections, seconds, rate } = options;
  return reportOf(await putLoad({ url, asks: asksOf(options, process.env), connections, seconds, rate }));
});
