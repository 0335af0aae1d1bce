import { ConfigError, loadConfig, problemLine } from '../../config/config.ts';
import type { Environment } from '../../config/environment.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Output } from '../config-check.ts';
import { checkCertificates } from './check-certificates.ts';
import { checkPeers } from './check-peers.ts';
import { checkProcess } from './check-process.ts';
import { checkStore } from './check-store.ts';
import { checkUpstreams } from './check-upstreams.ts';
import { type Finding, ok, type Severity, unfit } from './finding.ts';

/** The exit code of the gravest finding. */
const EXIT_CODES: Readonly<Record<Severity, number>> = { ok: 0, doubtful: 1, unfit: 2 };

const SHOWN: Readonly<Record<Severity, string>> = { ok: 'ok   ', doubtful: 'warn ', unfit: 'FAIL ' };

/**
 * `tollgate doctor`: looks at everything that a start depends on, from where it will run, and changes nothing. One line
 * for each thing that was looked at; docs/doctor.md has them all.
 * @param file the configuration
 * @returns the exit code: 0 when all is well, 1 when something is doubtful, 2 when something must not stay so
 */
export async function doctor(file: string, env: Environment, clock: Clock, out: Output): Promise<number> {
  let gravest: Severity = 'ok';
  for (const finding of await examine(file, env, clock)) {
    out.write(`${SHOWN[finding.severity]}${finding.about.padEnd(12)}${finding.line}\n`);
    if (EXIT_CODES[finding.severity] > EXIT_CODES[gravest]) gravest = finding.severity;
  }
  return EXIT_CODES[gravest];
}

async function examine(file: string, env: Environment, clock: Clock): Promise<readonly Finding[]> {
  try {
    const config = loadConfig(file, env);
    const now = clock.now();
    const certificates = checkCertificates(config, file, now);
    // One after the other: the lines stand in this order, and none hurries another.
    return [
      ok('config', `${file} can be used`),
      ...checkProcess(config),
      ...(await checkStore(config.store, file, clock)),
      ...certificates.findings,
      ...(await checkUpstreams(config, certificates.upstreams, now)),
      await checkPeers(config),
    ];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => unfit('config', problemLine(problem)));
  }
}
