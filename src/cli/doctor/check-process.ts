import type { Config } from '../../config/config.ts';
import { parseAddress } from '../../domain/address.ts';
import { compileAddressSet } from '../../domain/address-set.ts';
import { speaksTls } from '../generation.ts';
import { filesFor, openFilesLimit } from '../open-files.ts';
import { doubtful, type Finding, ok, unfit } from './finding.ts';

/** The oldest Node whose parser hides no header (CVE-2026-58044). */
const OLDEST_NODE = [24, 18, 1] as const;

const LOOPBACK = compileAddressSet(['127.0.0.0/8', '::1']);

/** Node, the number of files that may be open, and who can reach the management API. */
export function checkProcess(config: Config): readonly Finding[] {
  return [checkNode(process.versions.node), checkFiles(config, openFilesLimit()), ...checkExposure(config)];
}

/** @param version such as `24.21.0` */
export function checkNode(version: string): Finding {
  const have = version.split('.').map(Number);
  const at = OLDEST_NODE.findIndex((want, index) => (have[index] ?? 0) !== want);
  const isOld = at !== -1 && (have[at] ?? 0) < (OLDEST_NODE[at] ?? 0);
  if (!isOld) return ok('node', `Node ${version}`);
  return unfit(
    'node',
    `Node ${version} can be made to overlook headers: use ${OLDEST_NODE.join('.')} or later`,
  );
}

/** @param limit how many files a process may have open; null when that is not known */
export function checkFiles({ listen, workers }: Config, limit: number | null): Finding {
  if (limit === null) return ok('files', 'how many files may be open is not known on this system');
  const wanted = filesFor(Math.ceil(listen.maxConnections / workers));
  if (limit >= wanted)
    return ok('files', `${limit} files may be open, which is enough for listen.maxConnections`);
  return doubtful(
    'files',
    `${limit} files may be open, and listen.maxConnections may take ${wanted}: raise the one (ulimit -n, LimitNOFILE) or lower the other`,
  );
}

function checkExposure({ listen }: Config): readonly Finding[] {
  const { host } = listen.admin;
  const address = parseAddress(host);
  if (address !== null && LOOPBACK.has(address)) return [];
  if (speaksTls(listen, 'admin')) return [];
  return [
    doubtful(
      'admin',
      `the management API listens on ${host} without TLS: tokens that manage can be read on the way; see listen.tls, or keep it inside`,
    ),
  ];
}
