/** Many tokens from a file, each with its own line in the report: docs/load-testing.md. */
import { wholeNumber } from '../options.ts';
import { putLoad } from './load.ts';
import { mixed, mixOf, type ScenarioOptions, scenario, tokensOf } from './options.ts';
import { reportOf } from './report.ts';
import { runScenario } from './run.ts';

const options = scenario('tokens', 'Asks with the tokens of --token-file in turn, and counts by its lines.')
  .option(
    '--rate <number>',
    'requests a second; as many as are answered unless given',
    wholeNumber(1_000_000),
  )
  .parse()
  .opts<ScenarioOptions & { readonly rate?: number }>();

await runScenario(async () => {
  const { url, connections, seconds, rate = null } = options;
  const tokens = tokensOf(options, process.env);
  const mix = mixOf(options);
  // By the line of the file, since a token is never shown.
  const asks = tokens.flatMap((secret, at) =>
    mixed(mix, [secret]).map((ask) => ({ ...ask, name: `token ${at + 1}: ${ask.name}` })),
  );
  return reportOf(await putLoad({ url, asks, connections, seconds, rate }));
});
