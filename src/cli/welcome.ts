import type { AddressInfo } from 'node:net';
import type { Bootstrapped } from './bootstrap.ts';

export interface WelcomeFacts {
  /** Where the gateway is bound; null without one. */
  readonly proxy: AddressInfo | null;
  /** Where the management API is bound; null without one. */
  readonly admin: AddressInfo | null;
  readonly metrics: AddressInfo;
  /** Whether a listener speaks TLS. */
  readonly speaksTls: (listener: 'proxy' | 'admin' | 'metrics') => boolean;
  /** What the first start made; null on later ones. */
  readonly made: Bootstrapped | null;
  /** The scheme of `Authorization` that carries a token, or null when none does. */
  readonly headerScheme: string | null;
}

const url = ({ address, family, port }: AddressInfo, tls: boolean) =>
  `${tls ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;

/** The secret that was made for the first administrator, for the person at the terminal; nothing where it was given. */
export function secretsShown({ administratorSecret }: Bootstrapped): string {
  if (administratorSecret === null) return '';
  return [
    'The store held no administrator, so one was made. This is its token, shown now and never again:',
    '',
    `  ${administratorSecret}`,
    '\n',
  ].join('\n');
}

/** What the person at the terminal reads when all is up: where things are and, where tokens were made, how to try them. */
export function welcome({ proxy, admin, metrics, speaksTls, made, headerScheme }: WelcomeFacts): string {
  const places = [
    ...(proxy === null ? [] : [`Tollgate is listening on ${url(proxy, speaksTls('proxy'))}`]),
    ...(admin === null ? [] : [`the management API is on ${url(admin, speaksTls('admin'))}`]),
    `metrics and health are on ${url(metrics, speaksTls('metrics'))}.`,
  ].join('; ');
  const lines = [places.charAt(0).toUpperCase() + places.slice(1)];
  if (made?.administratorSecret != null && headerScheme !== null) {
    if (proxy !== null && made.demoSecret !== null) {
      lines.push(
        '',
        ...tries(url(proxy, speaksTls('proxy')), headerScheme, made.administratorSecret, made.demoSecret),
      );
    }
    if (admin !== null)
      lines.push('', ...administers(url(admin, speaksTls('admin')), headerScheme, made.administratorSecret));
  }
  return `${lines.join('\n')}\n\n`;
}

/** Curl lines that show a request that passes and one of each kind that is refused. */
function tries(base: string, scheme: string, administrator: string, demo: string): string[] {
  const as = (secret: string) => `-H "Authorization: ${scheme} ${secret}"`;
  return [
    'To try it, in another terminal:',
    '',
    '  # passes: the upstream shows what it got, without the token and with who holds it',
    `  curl -i ${as(administrator)} ${base}/hello`,
    '',
    '  # 403: no token',
    `  curl -i ${base}/hello`,
    '',
    '  # 401: a token that nobody holds',
    `  curl -i ${as(`${administrator.slice(0, -1)}${administrator.endsWith('x') ? 'y' : 'x'}`)} ${base}/hello`,
    '',
    '  # 403: a token that may be used from 203.0.113.0/24 only, and then the same from there',
    `  curl -i ${as(demo)} ${base}/hello`,
    `  curl -i ${as(demo)} -H "X-Forwarded-For: 203.0.113.7" ${base}/hello`,
    '',
    '  # 429 at the fourth: the endpoint allows 6 a minute, and a token half of that',
    `  for i in 1 2 3 4; do curl -s -o /dev/null -w "%{http_code}\\n" ${as(administrator)} ${base}/limited; done`,
  ];
}

/** Curl lines that show what there is to manage. */
function administers(base: string, scheme: string, administrator: string): string[] {
  return [
    `To manage tokens, users and zones (all that can be done is described on ${base}/):`,
    '',
    `  curl -s -H "Authorization: ${scheme} ${administrator}" ${base}/api/v1/api-tokens`,
  ];
}
