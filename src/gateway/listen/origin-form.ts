const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

/**
 * The target in origin form (RFC 9112 §3.2.1). An absolute one is rewritten when it names the same place as `Host`;
 * naming another, it would let a request be matched for one host and forwarded to another.
 * @returns null when the target is neither, or contradicts `host`
 */
export function originForm(url: string, host: string): string | null {
  if (url.startsWith('/')) return url;
  const absolute = ABSOLUTE.exec(url);
  if (absolute === null) return null;
  const [, authority = '', rest = ''] = absolute;
  if (authority === '' || authority.toLowerCase() !== host.toLowerCase()) return null;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
