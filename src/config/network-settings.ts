/** Settings that name places in the network: listeners, upstream targets, path prefixes, headers, Redis, proxies. */
import { isIP } from 'node:net';
import { parseRange } from '../domain/address.ts';
import { parseMatch } from '../domain/endpoint-match.ts';
import { parseRedisUrl } from '../domain/redis-url.ts';
import { mustBe, text, textFor } from './setting.ts';

/** Where a listener is bound. */
export interface ListenAddress {
  /** An IP address without brackets. */
  readonly host: string;
  /** 0 asks the system for any free port. */
  readonly port: number;
}

/** `127.0.0.1:8080` or `[::1]:8080`. A name is refused: what it is bound to would depend on a resolver. */
export function listenAddress() {
  return text(
    'an IP address and a port, such as 127.0.0.1:8080 or [::]:8080',
    /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/,
    (written): ListenAddress | null => {
      const colon = written.lastIndexOf(':');
      const host = written.slice(0, colon).replace(/^\[|\]$/g, '');
      const port = Number(written.slice(colon + 1));
      return isIP(host) !== 0 && port <= 65_535 ? { host, port } : null;
    },
  );
}

/** The target that answers from inside the gateway; for trying things out. */
export const ECHO_TARGET = 'builtin:echo';

/** An origin (RFC 6454 §4), as `http://host:port`, or ECHO_TARGET. */
export function target() {
  return text(
    `an http or https origin without user, path or query, such as http://127.0.0.1:9001, or ${ECHO_TARGET}`,
    /^(?:builtin:echo|https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\/?)$/,
    (written) => (written === ECHO_TARGET ? written : origin(written)),
  );
}

function origin(written: string): string | null {
  const url = URL.parse(written);
  if (url === null || url.port === '0') return null;
  // URL reads 0x7f.1 and 127.1 as addresses. What is written must be what is connected to.
  const [, host = ''] = /^https?:\/\/(\[.*\]|[^:/]+)/.exec(written) ?? [];
  const sameHost = host.startsWith('[') || url.hostname === host.toLowerCase();
  return sameHost ? url.origin : null;
}

/** Where people and scripts reach the management API, when that is not where it listens. */
export function publicUrl() {
  return text(
    'an http or https origin without user, path or query, such as https://tollgate.example.com',
    /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\/?$/,
    origin,
  );
}

/** The beginning of the paths that an upstream serves, in normal form and whole segments: `/api` covers `/api/x`. */
export function pathPrefix() {
  return textFor('a path prefix such as / or /api', (written) => {
    if (!written.startsWith('/'))
      throw new Error(mustBe('a path prefix such as / or /api')({ input: written }));
    const { segments, below } = parseMatch(`* ${written}`);
    if (below || segments.some((segment) => typeof segment !== 'string')) {
      throw new Error(`'${written}' must be fixed text: a prefix covers everything below it as it is`);
    }
  });
}

/** What a health probe asks for: a path, and a query if need be. */
export function probePath() {
  return text('a path such as /healthz', /^\/[!-~]*$/, (written) => (written.includes('#') ? null : written));
}

/** A network, range or address of proxies whose word is believed. */
export function proxyRange() {
  return textFor('a network, a range or an address, such as 10.0.0.0/8', (written) => {
    const { first, last } = parseRange(written);
    if (first.words.every((word) => word === 0) && last.words.every((word) => word === 0xffffffff)) {
      throw new Error(
        `"${written}" believes everybody, so any caller could choose its own address: list the proxies alone`,
      );
    }
  });
}

// Names that other rules read, or that every request carries for other reasons.
const TAKEN =
  /^(?:authorization|connection|content-.*|cookie|expect|forwarded|host|keep-alive|origin|proxy.*|te|trailer|transfer-encoding|upgrade|via|sec-.*|x-forwarded.*|x-real-ip|x-request-id|x-tollgate-.*)$/;

/** The name of a header that may carry a token, in small letters. */
export function credentialHeader() {
  return text(
    'the name of a header of its own, of letters, digits and dashes, such as X-API-Key',
    /^[A-Za-z][A-Za-z0-9-]{0,63}$/,
    (written) => {
      const name = written.toLowerCase();
      return TAKEN.test(name) ? null : name;
    },
  );
}

/** Where Redis is. Messages do not show it: it may hold a password. */
export function redisUrl() {
  return text(
    'redis://host:port (rediss:// for TLS), with user:password@ before the host and /database behind it if needed; redis+sentinel://host:port,host:port/primary; or redis+cluster://host:port,host:port',
    /^rediss?(\+sentinel|\+cluster)?:\/\/[^\s]+$/,
    (written) => (parseRedisUrl(written) === null ? null : written),
    { secret: true },
  );
}

/** Where spans are sent. Messages do not show it: it may hold a password. */
export function otlpEndpoint() {
  return text(
    'a URL such as http://127.0.0.1:4318, without a query',
    /^https?:\/\/[^\s?#]+$/,
    (written) => (URL.canParse(written) ? written : null),
    { secret: true },
  );
}

/** A header that is sent with spans, as OTEL_EXPORTER_OTLP_HEADERS has them. Messages do not show it. */
export function otlpHeader() {
  return text(
    'name=value, such as authorization=Bearer …',
    /^[A-Za-z0-9-]{1,64}=[ -~]+$/,
    (written) => {
      const [name = ''] = written.split('=', 1);
      return { name, value: written.slice(name.length + 1).trim() };
    },
    { secret: true },
  );
}
