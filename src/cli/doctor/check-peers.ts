import type { Config } from '../../config/config.ts';
import { speaksTls } from '../generation.ts';
import { doubtful, type Finding, ok } from './finding.ts';

/** How long a process may take to show its metrics, in milliseconds. */
const PATIENCE_MS = 2_000;

/**
 * Asks the gateway that runs with this configuration who its peers were. If all of them were inside and none is trusted,
 * a load balancer in front is taken for the caller, and network zones judge its address.
 */
export async function checkPeers({ listen, zone }: Config): Promise<Finding> {
  if (speaksTls(listen, 'metrics')) {
    return ok(
      'proxies',
      'the metrics are not asked over TLS who the peers were: look at tollgate_peers_total under traffic',
    );
  }
  const { host, port } = listen.metrics;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host;
  const metrics = await fetch(`http://${reachable}:${port}/metrics`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
    .then((response) => response.text())
    .catch(() => null);
  if (metrics === null) {
    return ok(
      'proxies',
      'no gateway runs here, so it is not known from where callers come; look again under traffic',
    );
  }
  return judgePeers(metrics, zone.trustedProxies.length > 0);
}

/** @param metrics in the text format of Prometheus @param someTrusted whether `zone.trustedProxies` names anybody */
export function judgePeers(metrics: string, someTrusted: boolean): Finding {
  const count = (kind: string) =>
    Number(new RegExp(`^tollgate_peers_total\\{kind="${kind}"\\} (\\S+)$`, 'm').exec(metrics)?.[1] ?? 0);
  const [trusted, inside, outside] = [count('trusted'), count('private'), count('public')];
  const seen = `${trusted} trusted, ${inside} other private, ${outside} public`;
  if (inside > 0 && outside === 0 && !someTrusted) {
    return doubtful(
      'proxies',
      `every peer so far has a private address (${seen}) and none is trusted: behind a load balancer, list it in zone.trustedProxies, or zones judge its address in place of the caller's`,
    );
  }
  return ok('proxies', `peers so far: ${seen}`);
}
