/** Bursts with a pause between, each as fast as answers come: docs/load-testing.md. */
import { setTimeout } from 'node:timers/promises';
import { wholeNumber } from '../options.ts';
import { putLoad } from './load.ts';
import { asksOf, type ScenarioOptions, scenario } from './options.ts';
import { reportOf } from './report.ts';
import { runScenario } from './run.ts';

const options = scenario(
  'burst',
  'Asks as fast as answers come, pauses, and asks again. --seconds is one burst.',
)
  .option('--bursts <number>', 'how many bursts', wholeNumber(1000), 3)
  .option('--pause <seconds>', 'seconds between two bursts', wholeNumber(3600), 10)
  .parse()
  .opts<ScenarioOptions & { readonly bursts: number; readonly pause: number }>();

await runScenario(async () => {
  const { url, connections, seconds, bursts, pause } = options;
  const asks = asksOf(options, process.env);
  for (let burst = 1; burst < bursts; burst++) {
    process.stdout.write(`Burst ${burst}:\n\n${await once()}\n\n`);
    await setTimeout(pause * 1000);
  }
  return `Burst ${bursts}:\n\n${await once()}`;

  async function once(): Promise<string> {
    return reportOf(await putLoad({ url, asks, connections, seconds, rate: null }));
  }
});
