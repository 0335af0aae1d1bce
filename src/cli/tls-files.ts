/** The certificates and keys that a configuration names: read, and judged before anything is started with them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { dirname, isAbsolute, join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { ReadText } from '../config/text-file.ts';
import type { TargetTls } from '../gateway/forward/target-tls.ts';
import { type CertifiedKey, secureContext, type TlsMaterial } from '../kernel/listener-tls.ts';
import type { RedisTls } from '../store/redis/client.ts';

/** What the files hold. */
export interface TlsFiles {
  /** Null where no listener speaks TLS. */
  readonly listeners: TlsMaterial | null;
  /** By the name of the upstream; one that is not here has nothing of its own. */
  readonly upstreams: UpstreamsTls;
}

/** What is shown to the targets of upstreams and what they are held to, by the name of the upstream. */
export type UpstreamsTls = ReadonlyMap<string, TargetTls>;

/**
 * @param file the configuration's; what it names is relative to it
 * @throws Error with a line for everything that cannot be used, and what to do about it
 */
export function loadTlsFiles(config: Config, file: string, readText: ReadText): TlsFiles {
  const reading = readingFrom(file, readText);
  const listeners = readListeners(config, reading);
  const upstreams = readUpstreams(config, reading);
  if (reading.problems.length > 0) throw new Error(reading.problems.join('\n'));
  return { listeners, upstreams };
}

/**
 * What is shown to Redis, and what Redis is held to.
 * @param file the configuration's; what it names is relative to it
 * @throws Error with a line for everything that cannot be used, and what to do about it
 */
export function loadStoreTls(store: Config['store'], file: string, readText: ReadText): RedisTls {
  if (store.kind !== 'redis') return {};
  const reading = readingFrom(file, readText);
  const found = readOwnTls(store.tls, 'store.tls', reading);
  if (reading.problems.length > 0) throw new Error(reading.problems.join('\n'));
  return {
    ...(found.ca === null ? {} : { ca: found.ca }),
    ...(found.cert === null || found.key === null ? {} : { cert: found.cert, key: found.key }),
    ...(found.serverName === null ? {} : { servername: found.serverName }),
  };
}

interface Reading {
  readonly problems: string[];
  /** The text of a file, or null when it cannot be read, which is noted then. */
  read(name: string, setting: string): string | null;
}

function readingFrom(file: string, readText: ReadText): Reading {
  const problems: string[] = [];
  return {
    problems,
    read(name, setting) {
      const text = readText(isAbsolute(name) ? name : join(dirname(file), name));
      if (typeof text === 'string') return text;
      problems.push(`${setting}: ${name} cannot be read: ${text.message}`);
      return null;
    },
  };
}

function readListeners({ listen: { tls } }: Config, reading: Reading): TlsMaterial | null {
  const pairs = tls.certificates.flatMap((cert, index) => {
    const setting = `listen.tls.certificates[${index}]`;
    const pair = readPair({ setting, cert, key: tls.keys[index] ?? '' }, reading);
    return pair === null ? [] : [pair];
  });
  const clientCa = tls.clientCa === null ? null : readCa(tls.clientCa, 'listen.tls.clientCa', reading);
  const [first, ...others] = pairs;
  if (first === undefined) return null;
  const material: TlsMaterial = { certificates: [first, ...others], clientCa, minVersion: tls.minVersion };
  for (const pair of pairs) {
    judge(() => secureContext(pair, material), 'listen.tls: the certificates cannot be used', reading);
  }
  return material;
}

function readUpstreams({ forward }: Config, reading: Reading): UpstreamsTls {
  const found = new Map<string, TargetTls>();
  forward.upstreams.forEach(({ name, tls }, index) => {
    if (Object.values(tls).every((setting) => setting === null)) return;
    found.set(name, readOwnTls(tls, `forward.upstreams[${index}].tls`, reading));
  });
  return found;
}

/** What those whom this process connects to are held to, and shown. */
function readOwnTls(
  tls: Config['forward']['upstreams'][number]['tls'],
  setting: string,
  reading: Reading,
): TargetTls {
  const ca = tls.ca === null ? null : readCa(tls.ca, `${setting}.ca`, reading);
  const { cert, key, serverName } = tls;
  const pair = cert === null || key === null ? null : readPair({ setting, cert, key }, reading);
  return { ca, cert: pair?.cert ?? null, key: pair?.key ?? null, serverName };
}

interface Pair {
  readonly setting: string;
  readonly cert: string;
  readonly key: string;
}

/** Reads a certificate and its key. Notes what is wrong with them and returns null then. */
function readPair({ setting, cert, key }: Pair, reading: Reading): CertifiedKey | null {
  const certText = reading.read(cert, setting);
  const keyText = reading.read(key, setting);
  if (certText === null || keyText === null) return null;
  const certificate = judge(
    () => new X509Certificate(certText),
    `${setting}: ${cert} must hold a certificate as PEM, the server's own first`,
    reading,
  );
  const privateKey = judge(
    () => createPrivateKey(keyText),
    `${setting}: ${key} must hold a private key as PEM, without a passphrase`,
    reading,
  );
  if (certificate === null || privateKey === null) return null;
  if (!certificate.checkPrivateKey(privateKey)) {
    reading.problems.push(
      `${setting}: ${cert} and ${key} are no pair: renew both, or list them in the same order`,
    );
    return null;
  }
  return { cert: certText, key: keyText, certificate };
}

/** Reads a file with the certificates of authorities. */
function readCa(name: string, setting: string, reading: Reading): string | null {
  const text = reading.read(name, setting);
  if (text === null) return null;
  const made = judge(
    () => new X509Certificate(text),
    `${setting}: ${name} must hold the certificates of authorities as PEM`,
    reading,
  );
  return made === null ? null : text;
}

/** What `make` makes, or null when it throws, which is noted then. The reason is left out: it may quote the file. */
function judge<T>(make: () => T, otherwise: string, { problems }: Reading): T | null {
  try {
    return make();
  } catch {
    problems.push(otherwise);
    return null;
  }
}
