/** What settings must hold between them. */
import { isIPv4 } from 'node:net';
import {
  endpointClaimsDiffer,
  endpointNamesDiffer,
  targetsDiffer,
  upstreamNamesDiffer,
  upstreamsAreReached,
} from './claims.ts';
import type { ListenAddress } from './network-settings.ts';
import type { Finding } from './problem.ts';
import { at, type Check, entriesOf, type Path, read } from './reading.ts';
import { upstreamTls } from './schema/forward.ts';
import { listen, listenTls } from './schema/listen.ts';
import { resolve } from './schema/resolve.ts';
import { redisTls } from './schema/store.ts';
import { configSchema } from './schema.ts';

/**
 * Everything in the file that contradicts something else in it. What is wrong by itself is passed over here and told
 * by the schema, so one mistake does not hide another until the next start.
 * @param config the file as YAML gave it
 */
export function contradictions(config: unknown): Finding[] {
  return CHECKS.flatMap((check) => check(config));
}

const listenersDiffer: Check = (config) => {
  const taken: { name: string; address: ListenAddress }[] = [];
  const findings: Finding[] = [];
  for (const name of ['proxy', 'admin', 'metrics'] as const) {
    const address = read(listen.shape[name], config, ['listen', name]);
    if (address === undefined) continue;
    const other = taken.find((earlier) => overlap(earlier.address, address));
    taken.push({ name, address });
    if (other === undefined) continue;
    findings.push({
      path: ['listen', name],
      message: `listens where listen.${other.name} does: choose another port`,
    });
  }
  return findings;
};

function overlap(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host);
}

function covers(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && isIPv4(host));
}

const certificatesHaveKeys: Check = (config) => {
  const tls = read(listenTls, at(config, ['listen', 'tls']) ?? {}, []);
  if (tls === undefined) return [];
  const findings: Finding[] = [];
  if (tls.certificates.length !== tls.keys.length) {
    const message = 'must hold one file for each of listen.tls.certificates, in the same order';
    findings.push({ path: ['listen', 'tls', 'keys'], message });
  }
  if (tls.clientCertificates !== 'none' && tls.clientCa === null) {
    const message = 'must name the authorities, because listen.tls.clientCertificates asks for certificates';
    findings.push({ path: ['listen', 'tls', 'clientCa'], message });
  }
  const secure = tls.certificates.length > 0 && tls.listeners.includes('proxy');
  if (at(config, ['listen', 'http2']) === true && !secure) {
    const message =
      'must be false, or listen.tls must make the proxy port speak TLS: there is no HTTP/2 without';
    findings.push({ path: ['listen', 'http2'], message });
  }
  return findings;
};

const upstreamTlsIsWhole: Check = (config) =>
  entriesOf(config, ['forward', 'upstreams']).flatMap(({ path, value }) => {
    const tls = read(upstreamTls, at(value, ['tls']) ?? {}, []);
    if (tls === undefined) return [];
    const findings = pairIsWhole(tls, [...path, 'tls']);
    const targets = at(value, ['targets']);
    const secure = [targets].flat().some((target) => typeof target === 'string' && target.includes('https:'));
    if (!secure && Object.values(tls).some((setting) => setting !== null)) {
      findings.push({ path: [...path, 'tls'], message: 'is of no use: no target begins with https://' });
    }
    return findings;
  });

const storeTlsIsWhole: Check = (config) => {
  const url = at(config, ['store', 'url']) ?? '';
  const tls = read(redisTls, at(config, ['store', 'tls']) ?? {}, []);
  if (tls === undefined) return [];
  const path = ['store', 'tls'];
  const findings = pairIsWhole(tls, path);
  const isPlain = typeof url === 'string' && !url.startsWith('rediss');
  if (isPlain && Object.values(tls).some((setting) => setting !== null)) {
    findings.push({ path, message: 'is of no use: store.url does not begin with rediss' });
  }
  return findings;
};

function pairIsWhole(
  { cert, key }: { readonly cert: string | null; readonly key: string | null },
  path: Path,
): Finding[] {
  if ((cert === null) === (key === null)) return [];
  return [{ path, message: 'must name cert and key, or neither: they are a pair' }];
}

const targetFitsHead: Check = (config) => {
  const targetSize = read(listen.shape.targetSize, config, ['listen', 'targetSize']);
  const headSize = read(listen.shape.headSize, config, ['listen', 'headSize']);
  if (targetSize === undefined || headSize === undefined || targetSize < headSize) return [];
  return [
    { path: ['listen', 'targetSize'], message: 'must be less than listen.headSize, of which it is a part' },
  ];
};

const tokenCanArrive: Check = (config) => {
  const schemes = read(resolve.shape.schemes, config, ['resolve', 'schemes']);
  const header = read(resolve.shape.header, config, ['resolve', 'header']);
  if (schemes === undefined || schemes.length > 0 || header !== null) return [];
  const message = 'must hold SSWS or Bearer, because resolve.header is null and no token could arrive';
  return [{ path: ['resolve', 'schemes'], message }];
};

const staleIsOlderThanFresh: Check = (config) => {
  const staleFor = read(resolve.shape.staleFor, config, ['resolve', 'staleFor']);
  const freshFor = read(resolve.shape.freshFor, config, ['resolve', 'freshFor']);
  if (staleFor === undefined || freshFor === undefined || staleFor >= freshFor) return [];
  return [
    {
      path: ['resolve', 'staleFor'],
      message: 'must be at least resolve.freshFor: both are ages of an answer',
    },
  ];
};

const workersCanShare: Check = (config) => {
  const kind = at(config, ['store']) === undefined ? 'embedded' : at(config, ['store', 'kind']);
  const workers = read(configSchema.shape.workers, config, ['workers']) ?? 1;
  if (kind !== 'embedded' || workers === 1) return [];
  return [
    {
      path: ['workers'],
      message: 'must be 1 with the embedded store, which is for one process; several need redis',
    },
  ];
};

const CHECKS: readonly Check[] = [
  listenersDiffer,
  certificatesHaveKeys,
  upstreamTlsIsWhole,
  storeTlsIsWhole,
  targetFitsHead,
  tokenCanArrive,
  staleIsOlderThanFresh,
  workersCanShare,
  endpointNamesDiffer,
  endpointClaimsDiffer,
  upstreamNamesDiffer,
  upstreamsAreReached,
  targetsDiffer,
];
