import { once } from 'node:events';
import { connect as connectPlain, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Config } from '../../config/config.ts';
import { ECHO_TARGET } from '../../config/network-settings.ts';
import { connectionTls, type TargetTls } from '../../gateway/forward/target-tls.ts';
import type { UpstreamsTls } from '../tls-files.ts';
import { daysUntil, EXPIRES_SOON_DAYS } from './check-certificates.ts';
import { doubtful, type Finding, ok, unfit } from './finding.ts';

/**
 * Connects to every target of every upstream, and hangs up again without a request.
 * @param now milliseconds since the epoch
 */
export async function checkUpstreams(
  { forward }: Config,
  tls: UpstreamsTls,
  now: number,
): Promise<readonly Finding[]> {
  const all = forward.upstreams.flatMap(({ name, targets }) => targets.map((target) => ({ name, target })));
  return Promise.all(
    all.map(({ name, target }) =>
      checkTarget({ name, target, timeoutMs: forward.connectTimeout, tls: tls.get(name) ?? null, now }),
    ),
  );
}

interface Target {
  readonly name: string;
  readonly target: string;
  readonly timeoutMs: number;
  readonly tls: TargetTls | null;
  readonly now: number;
}

async function checkTarget({ name, target, timeoutMs, tls, now }: Target): Promise<Finding> {
  if (target === ECHO_TARGET) return ok('upstream', `${name}: built in, which answers with what it gets`);
  const { protocol, hostname, port } = new URL(target);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = protocol === 'https:';
  const options = { host, port: Number(port || (secure ? 443 : 80)) };
  const socket = secure
    ? connectTls({ ...options, servername: isIP(host) === 0 ? host : '', ...connectionTls(tls) })
    : connectPlain(options);
  try {
    await once(socket, secure ? 'secureConnect' : 'connect', { signal: AbortSignal.timeout(timeoutMs) });
    const ends = 'getPeerCertificate' in socket ? socket.getPeerCertificate().valid_to : null;
    const days = ends === null ? Number.POSITIVE_INFINITY : daysUntil(ends, now);
    if (days < EXPIRES_SOON_DAYS) {
      return doubtful('upstream', `${name}: the certificate of ${target} ends in ${days} days: renew it`);
    }
    return ok('upstream', `${name}: ${target} accepts connections`);
  } catch (error) {
    const { name: kind, message } = error as Error;
    const reason = kind === 'AbortError' ? `no answer in ${timeoutMs} ms` : message;
    return unfit(
      'upstream',
      `${name}: ${target} cannot be reached (${reason}): is it running, and is the address right?`,
    );
  } finally {
    socket.destroy();
  }
}
