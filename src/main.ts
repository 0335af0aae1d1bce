#!/usr/bin/env node
/**
 * The command line's entry: says which commands there are, and turns what goes wrong into one line and an exit code.
 * What a command needs is loaded when it is given: a worker that takes the place of another is back the sooner.
 */
import cluster from 'node:cluster';
import { Command, Option } from 'commander';
import { health } from './cli/health.ts';
import { addManagement } from './cli/manage/commands.ts';
import { PRESET_URL } from './cli/manage/connection.ts';
import { readSecret } from './cli/manage/secret-prompt.ts';
import { ROLES, type ServeRole } from './cli/role.ts';
import type { Serving } from './cli/serve.ts';
import { ConfigError, problemLine } from './config/config.ts';
import { systemClock } from './kernel/clock.ts';

const MANAGING = `
Commands that manage (token, zone, user, agent, log, explain) ask the management API at
TOLLGATE_ADMIN_URL, ${PRESET_URL} unless set, with the token that TOLLGATE_TOKEN or
\`tollgate login\` holds.`;

const program = new Command('tollgate')
  .description("A reverse proxy that makes API tokens work for any HTTP API the way Okta's do.")
  .showHelpAfterError()
  .addHelpText('after', MANAGING);

program
  .command('serve')
  .description('Start the gateway, the control plane, or both; what is done without a command.')
  .option('-c, --config <file>', 'the configuration', 'config/quickstart.yaml')
  .addOption(new Option('-r, --role <role>', 'what to start').choices(ROLES).default('all'))
  .action(async ({ config, role }: { config: string; role: ServeRole }) => {
    const start = import('./cli/serve.ts').then(({ serve }) =>
      serve(config, process.env, process.stdout, role),
    );
    // From the beginning on: the first process of a container never hears of a signal that it does not wait for.
    stopOnSignal(start);
    // The log says how it came out.
    process.on('SIGHUP', () => {
      start.then(
        (serving) => serving.reload(),
        () => {},
      );
    });
    await start;
  });

program
  .command('config')
  .description('Work on configuration files.')
  .command('check <file>')
  .description('Say what is wrong with a configuration, all at once.')
  .action(async (file: string) => {
    const { configCheck } = await import('./cli/config-check.ts');
    process.exitCode = configCheck(file, process.env, process.stdout);
  });

program
  .command('doctor')
  .description('Look at everything that a start depends on; exits with 0, 1 (doubtful) or 2 (unfit).')
  .requiredOption('-c, --config <file>', 'the configuration')
  .action(async ({ config }: { config: string }) => {
    const { doctor } = await import('./cli/doctor/doctor.ts');
    process.exitCode = await doctor(config, process.env, systemClock, process.stdout);
  });

program
  .command('health')
  .description('Ask a running process whether it is well; exits with 0 or 1.')
  .option('--url <url>', 'where its metrics and health are', 'http://127.0.0.1:9090')
  .option('--ready', 'ask whether traffic may come, not only whether it lives', false)
  .action(async ({ url, ready }: { url: string; ready: boolean }) => {
    process.exitCode = await health(url, ready ? 'readyz' : 'livez', process.stdout);
  });

program
  .command('apply <file>')
  .description('Make the store hold the users, zones, agents and tokens of a file.')
  .requiredOption('-c, --config <file>', 'the configuration of the gateway')
  .option('--dry-run', 'only say what would be written', false)
  .action(async (file: string, { config, dryRun }: { config: string; dryRun: boolean }) => {
    const { apply } = await import('./cli/apply.ts');
    process.exitCode = await apply(file, { config, dryRun }, process.env, process.stdout);
  });

/** Options that can stand before a command. */
const BEFORE_A_COMMAND: ReadonlySet<string> = new Set(['-h', '--help', '--insecure']);

const POLL_MS = 2_000;
addManagement(program, {
  env: process.env,
  out: process.stdout,
  readSecret,
  // What follows the log ends with the process.
  signal: new AbortController().signal,
  pollMs: POLL_MS,
});

/** Without a command it is `serve`: decided here, so that a word which is no command is told to be none. */
function withCommand(words: readonly string[]): string[] {
  const [first] = words;
  const isGiven = first !== undefined && (!first.startsWith('-') || BEFORE_A_COMMAND.has(first));
  return isGiven ? [...words] : ['serve', ...words];
}

function stopOnSignal(start: Promise<Serving>): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (cluster.isWorker) {
      // A terminal and an init system may signal each process by itself; how often is its primary's to count, which
      // takes the worker along when it ends.
      if (stopping || signal === 'SIGINT') return;
    } else {
      // The second time somebody means it.
      if (stopping) process.exit(1);
      process.stdout.write(`${signal}: letting the requests under way end; once more ends at once.\n`);
    }
    stopping = true;
    start
      .then((serving) => serving.stop())
      .then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function fail(error: unknown): void {
  const lines =
    error instanceof ConfigError
      ? error.problems.map(problemLine)
      : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) process.stderr.write(`tollgate: ${line}\n`);
  process.exit(1);
}

// A terminal that is gone, or a disk that is full, is no reason to stop serving; any other command is done then.
program.hook('preAction', (_, command) => {
  const serves = command.name() === 'serve';
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (serves) return;
    if (error.code === 'EPIPE') process.exit(1);
    fail(error);
  });
});
program.parseAsync(withCommand(process.argv.slice(2)), { from: 'user' }).catch(fail);
