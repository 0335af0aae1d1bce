import type { X509Certificate } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import { readText } from '../../config/text-file.ts';
import { loadTlsFiles, type UpstreamsTls } from '../tls-files.ts';
import { doubtful, type Finding, ok, unfit } from './finding.ts';

/** A certificate that ends sooner should have been renewed by whatever renews it. */
export const EXPIRES_SOON_DAYS = 14;

const DAY_MS = 86_400_000;

/** @param ends as certificates write it, such as `Jan  1 00:00:00 2030 GMT` @param now milliseconds since the epoch */
export function daysUntil(ends: string, now: number): number {
  return Math.floor((Date.parse(ends) - now) / DAY_MS);
}

/** What the files of certificates hold, and what there is to say of those of the listeners. */
export interface Certificates {
  readonly upstreams: UpstreamsTls;
  readonly findings: readonly Finding[];
}

/** @param file the configuration's, to which the names of files are relative @param now milliseconds since the epoch */
export function checkCertificates(config: Config, file: string, now: number): Certificates {
  try {
    const { listeners, upstreams } = loadTlsFiles(config, file, readText);
    const findings = (listeners?.certificates ?? []).map(({ certificate }) => judge(certificate, now));
    return { upstreams, findings };
  } catch (error) {
    const findings = (error as Error).message.split('\n').map((line) => unfit('certificate', line));
    return { upstreams: new Map(), findings };
  }
}

function judge({ subject, validTo }: X509Certificate, now: number): Finding {
  const days = daysUntil(validTo, now);
  const who = `the certificate of ${subject.replaceAll('\n', ', ')}`;
  if (days < 0) return unfit('certificate', `${who} ended on ${validTo}: renew it`);
  if (days < EXPIRES_SOON_DAYS) return doubtful('certificate', `${who} ends in ${days} days: renew it`);
  return ok('certificate', `${who} is good for ${days} days`);
}
