/** Finds what one window admits: docs/load-testing.md. */

import { verdictOf } from './limit-verdict.ts';
import { putLoad } from './load.ts';
import { asksOf, type ScenarioOptions, scenario } from './options.ts';
import { reportOf } from './report.ts';
import { runScenario } from './run.ts';

const options = scenario(
  'limit',
  'Asks until it is refused, and says what was admitted beside what the rate headers promise. Begin when no window is open.',
)
  .parse()
  .opts<ScenarioOptions>();

await runScenario(async () => {
  const { url, connections, seconds } = options;
  const answers = await putLoad({
    url,
    asks: asksOf(options, process.env),
    connections,
    seconds,
    rate: null,
  });
  return `${reportOf(answers)}\n${verdictOf(answers)}`;
});
