import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, parseConfig } from '../../src/config/config.ts';
import type { Setting } from '../variant.ts';

/** So much that no request of a benchmark is refused. */
const ABUNDANT = 1_000_000_000;

/** On a busy machine a store that is slow must not become a store that is away: then less would be measured. */
const PATIENT = '10s';

/** What a user would write: all of Okta's endpoints, a load balancer on this machine; the rest is at its default. */
export function loadBenchConfig({ upstream, folder, redis }: Setting): Config {
  const file = path.join(folder, 'tollgate.db');
  const settings = {
    store:
      redis === null
        ? { kind: 'embedded', path: file }
        : { kind: 'redis', url: redis, commandTimeout: PATIENT },
    zone: { trustedProxies: ['127.0.0.0/8'] },
    endpointFiles: ['okta-endpoints.yaml'],
    forward: { upstreams: [{ name: 'api', targets: [upstream], paths: ['/'] }] },
  };
  // JSON is YAML. The name says where endpointFiles are.
  const name = fileURLToPath(new URL('../../config/bench.yaml', import.meta.url));
  const config = parseConfig(JSON.stringify(settings), {}, name);
  return { ...config, endpoints: config.endpoints.map((endpoint) => ({ ...endpoint, max: ABUNDANT })) };
}
