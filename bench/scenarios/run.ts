/** The end of every scenario: what it printed, and how it ended. */

/** Runs a scenario; a mistake in what it was told is one line and exit code 1, without a stack. */
export async function runScenario(run: () => Promise<string>): Promise<void> {
  try {
    process.stdout.write(`${await run()}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
