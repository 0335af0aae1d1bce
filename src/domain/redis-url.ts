/** One server's address. */
export interface RedisHost {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

interface Shared {
  /** Whether every connection is made with TLS, to Sentinel too. */
  readonly tls: boolean;
  /** Where to begin; of the others, Sentinel or the cluster tells. */
  readonly hosts: readonly RedisHost[];
  readonly user: string | null;
  readonly password: string | null;
}

/** Where Redis is, and in which of its three forms. */
export type RedisPlace = Shared &
  (
    | { readonly kind: 'single'; readonly database: number }
    | {
        readonly kind: 'sentinel';
        readonly database: number;
        /** The name under which Sentinel knows the primary. */
        readonly primary: string;
        /** What Sentinel itself wants. */
        readonly sentinelUser: string | null;
        readonly sentinelPassword: string | null;
      }
    | { readonly kind: 'cluster' }
  );

const FORM =
  /^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<credentials>[^/?#\s]*)@)?(?<hosts>[^@/?#\s]+)(?:\/(?<path>[^?#\s]*))?(?:\?(?<query>[^#\s]*))?$/;
const SENTINEL_PATH = /^(?<primary>[A-Za-z0-9._-]{1,128})(?:\/(?<database>\d{1,4}))?$/;
const DATABASE = /^\d{0,4}$/;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/**
 * Reads the URL of a Redis:
 *
 * - `redis://[[user]:password@]host[:port][/database]`
 * - `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/primary[/database]`, where the hosts are Sentinels,
 *   whose own credentials are `?sentinelUser=…&sentinelPassword=…`
 * - `redis+cluster://[[user]:password@]host[:port][,host[:port]…]`
 *
 * and each with `rediss` in place of `redis` for TLS. Credentials are percent-encoded (RFC 3986 §2.1).
 * @returns null when it is none
 */
export function parseRedisUrl(url: string): RedisPlace | null {
  const parts = FORM.exec(url)?.groups;
  if (parts === undefined) return null;
  try {
    return placeOf(parts);
  } catch (error) {
    // A percent sign that encodes nothing.
    if (error instanceof URIError) return null;
    throw error;
  }
}

function placeOf(parts: Readonly<Record<string, string | undefined>>): RedisPlace | null {
  const { scheme, kind = 'single', path = '', query } = parts;
  const hosts = hostsOf(parts['hosts'] ?? '', kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT);
  if (hosts === null || (query !== undefined && kind !== 'sentinel')) return null;
  const shared = { tls: scheme === 'rediss', hosts, ...credentialsOf(parts['credentials']) };
  if (kind === 'cluster') return path === '' ? { kind, ...shared } : null;
  if (kind === 'sentinel') return sentinelOf(shared, path, query ?? '');
  if (hosts.length > 1 || !DATABASE.test(path)) return null;
  return { kind: 'single', ...shared, database: Number(path) };
}

function sentinelOf(shared: Shared, path: string, query: string): RedisPlace | null {
  const { primary, database = '0' } = SENTINEL_PATH.exec(path)?.groups ?? {};
  const own = new URLSearchParams(query);
  const sentinelUser = own.get('sentinelUser');
  const sentinelPassword = own.get('sentinelPassword');
  const known = (sentinelUser === null ? 0 : 1) + (sentinelPassword === null ? 0 : 1);
  if (primary === undefined || own.size !== known) return null;
  return {
    kind: 'sentinel',
    ...shared,
    primary,
    database: Number(database),
    sentinelUser,
    sentinelPassword,
  };
}

function hostsOf(list: string, defaultPort: number): readonly RedisHost[] | null {
  const hosts: RedisHost[] = [];
  for (const written of list.split(',')) {
    const url = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(written)
      ? URL.parse(`redis://${written}`)
      : null;
    if (url === null || url.port === '0') return null;
    const port = url.port === '' ? defaultPort : Number(url.port);
    hosts.push({ host: url.hostname.replace(/^\[|\]$/g, ''), port });
  }
  return hosts;
}

/** `user:password`, `:password` or `user`. */
function credentialsOf(written = ''): Pick<Shared, 'user' | 'password'> {
  const colon = written.indexOf(':');
  const user = decodeURIComponent(colon < 0 ? written : written.slice(0, colon));
  const password = colon < 0 ? '' : decodeURIComponent(written.slice(colon + 1));
  return { user: user === '' ? null : user, password: password === '' ? null : password };
}

/** Where Redis is, for people: without user and password. */
export function describePlace(place: RedisPlace): string {
  const hosts = place.hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const list = hosts.join(',');
  if (place.kind === 'sentinel') return `${place.primary} of Sentinel ${list}`;
  return place.kind === 'cluster' ? `cluster ${list}` : list;
}
