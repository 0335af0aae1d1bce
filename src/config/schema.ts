/**
 * Every setting, in the one place where it is declared: its kind and bounds, its default (`prefault`, written as a
 * file would write it; a setting without one must be given) and one sentence. config/tollgate.schema.json is
 * generated from this; config/tollgate.yaml shows all of it, and a test holds it to that.
 */
import { z } from 'zod';
import { MANAGEMENT, UNMATCHED } from '../domain/endpoint.ts';
import { parseMatch } from '../domain/endpoint-match.ts';
import {
  credentialHeader,
  listenAddress,
  otlpEndpoint,
  otlpHeader,
  pathPrefix,
  probePath,
  proxyRange,
  publicUrl,
  redisUrl,
  target,
} from './network-settings.ts';
import {
  choice,
  duration,
  flag,
  integer,
  list,
  mustBe,
  needsRestart,
  oneOrMore,
  orNull,
  ratio,
  section,
  size,
  text,
  textFor,
  word,
} from './setting.ts';

const file = () => word('the path of a file', /^[^\0]+$/);

export const listenTls = section({
  certificates: list('a list of files', file())
    .prefault([])
    .describe(
      'Files with certificate chains (PEM); the first is for clients that name no host or an unknown one. None leaves every listener plain.',
    ),
  keys: list('a list of files', file())
    .prefault([])
    .describe('Files with the private keys of the certificates, in the same order.'),
  listeners: needsRestart(
    list('a list of proxy, admin and metrics', choice('proxy', 'admin', 'metrics'), 1)
      .prefault(['proxy', 'admin'])
      .describe('Which listeners speak TLS once there is a certificate.'),
  ),
  minVersion: choice('TLSv1.2', 'TLSv1.3')
    .prefault('TLSv1.2')
    .describe('Oldest version of TLS that is spoken.'),
  clientCertificates: needsRestart(
    choice('none', 'optional', 'required')
      .prefault('none')
      .describe('Whether clients may or must show a certificate; one that is shown must be good.'),
  ),
  clientCa: orNull(file())
    .prefault(null)
    .describe('File with the authorities (PEM) that sign the certificates of clients.'),
});

export const listen = section({
  proxy: needsRestart(
    listenAddress()
      .prefault('127.0.0.1:8080')
      .describe('Address and port of the gateway; port 0 takes any free one.'),
  ),
  admin: needsRestart(
    listenAddress().prefault('127.0.0.1:8081').describe('Address and port of the management API.'),
  ),
  metrics: needsRestart(
    listenAddress().prefault('127.0.0.1:9090').describe('Address and port of /metrics, /livez and /readyz.'),
  ),
  transport: needsRestart(
    choice('auto', 'general')
      .prefault('auto')
      .describe(
        'How requests are carried: `auto` takes plain ones over plain sockets and every other over node:http, `general` takes all over node:http.',
      ),
  ),
  http2: needsRestart(
    flag()
      .prefault(false)
      .describe('Whether clients of the proxy port may speak HTTP/2, where it speaks TLS.'),
  ),
  tls: listenTls.prefault({}).describe('TLS on the listeners; files are relative to this file.'),
  maxConnections: integer(1, 1_000_000)
    .prefault(10_000)
    .describe('Client connections open at once; more are closed as they come.'),
  maxConnectionsPerAddress: integer(1, 1_000_000)
    .prefault(5_000)
    .describe(
      'Client connections open at once from one address that is no trusted proxy; more are closed as they come.',
    ),
  headTimeout: duration('100ms', '5m')
    .prefault('5s')
    .describe('Time from the first byte of a request until its head is complete.'),
  headSize: needsRestart(
    size('1KiB', '256KiB')
      .prefault('16KiB')
      .describe('Largest request head: the request line and all headers.'),
  ),
  maxHeaders: integer(10, 1000).prefault(100).describe('Most headers of one request.'),
  targetSize: size('128B', '64KiB').prefault('8KiB').describe('Longest request target: path and query.'),
  bodySize: size('0B', '1TiB')
    .prefault('1GiB')
    .describe('Largest request body, counted while it streams through; nothing of it is stored.'),
  bodyMinRate: orNull(size('1B', '1GiB'))
    .prefault('1KiB')
    .describe('Slowest a request body may arrive, in bytes a second; null allows any.'),
  idleTimeout: duration('1s', '1h')
    .prefault('75s')
    .describe('How long a connection may stay open between two requests.'),
  drainDelay: duration('0s', '5m')
    .prefault('0s')
    .describe(
      'How long connections and requests are still taken after /readyz has turned to 503, when the process is told to stop.',
    ),
  drainTimeout: duration('0s', '1h')
    .prefault('25s')
    .describe('How long requests under way may take to end when the process is told to stop.'),
});

const serverName = () => word('the name of a host', /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})$/);

export const redisTls = section({
  ca: orNull(file())
    .prefault(null)
    .describe(
      'File with the authorities (PEM) that sign the certificates of Redis; null for those that Node trusts.',
    ),
  cert: orNull(file()).prefault(null).describe('File with the certificate (PEM) that is shown to Redis.'),
  key: orNull(file()).prefault(null).describe('File with its private key (PEM).'),
  serverName: orNull(serverName())
    .prefault(null)
    .describe("Name that every server is called by and held to; null for each server's own."),
});

const durability = section({
  file: choice('auto', 'required', 'none')
    .prefault('auto')
    .describe(
      'Whether a change is acknowledged only once it is on disk (WAITAOF): auto (where the server can say so), required or none.',
    ),
  replicas: integer(0, 5)
    .prefault(0)
    .describe('How many replicas must have a change before it is acknowledged.'),
  timeout: duration('10ms', '1m')
    .prefault('5s')
    .describe('How long to wait for both; after that the change is told to be made, but not to be safe.'),
});

export const store = z.discriminatedUnion(
  'kind',
  [
    section({
      kind: z.literal('embedded').describe('One file, used by one process.'),
      path: word('the path of a file', /^[^:\0]+$/)
        .prefault('./data/tollgate.db')
        .describe('The database file, from the directory in which Tollgate is started.'),
    }),
    section({
      kind: z.literal('redis').describe('Redis or Valkey, shared by any number of gateways.'),
      url: redisUrl()
        .prefault('redis://127.0.0.1:6379')
        .describe('Where Redis is; TOLLGATE_REDIS_URL in the environment overrides it.'),
      prefix: word('1 to 32 letters, digits and any of : . _ -', /^[A-Za-z0-9:._-]{1,32}$/)
        .prefault('tg:')
        .describe('What every key in Redis begins with.'),
      identity: orNull(
        word('the identity that tollgate doctor tells', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      )
        .prefault(null)
        .describe(
          'Which data Redis must hold, by the identity that tollgate doctor tells; null for what is found at the start.',
        ),
      commandTimeout: duration('10ms', '10s')
        .prefault('250ms')
        .describe('How long one command may take before the store counts as away.'),
      durability: durability
        .prefault({})
        .describe('What a change by management must have survived before it is acknowledged.'),
      tls: redisTls
        .prefault({})
        .describe('TLS to Redis, for a URL with rediss; files are relative to this file.'),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? 'must be embedded or redis'
        : 'must be settings, of which kind is embedded or redis',
  },
);

const window = duration('1s', '1d')
  .refine((milliseconds) => milliseconds % 1000 === 0, { error: 'must be whole seconds, such as 60s' })
  .transform((milliseconds) => milliseconds / 1000);

/** Names a setting as the domain's `Endpoint` has it. */
function inSeconds<T extends { window: number }>({ window: windowSeconds, ...others }: T) {
  return { ...others, windowSeconds };
}

const PEPPER =
  'a secret of 32 to 1024 characters, at least 8 of them different; `openssl rand -hex 32` makes one';

const failures = section({
  max: integer(1, 1_000_000)
    .prefault(100)
    .describe('Failed authentications of one address in a window; IPv6 addresses of one /64 are one.'),
  window: window.prefault('60s').describe('Length of that window, in whole seconds.'),
}).transform(inSeconds);

export const resolve = section({
  prefix: needsRestart(
    word('2 to 10 small letters and digits that begin with a letter', /^[a-z][a-z0-9]{1,9}$/)
      .prefault('tg')
      .describe('What the secrets of tokens made here begin with, before an underscore.'),
  ),
  schemes: list('a list of SSWS and Bearer', choice('SSWS', 'Bearer'))
    .prefault(['SSWS'])
    .describe('Schemes of the Authorization header that carry a token; Okta has SSWS alone.'),
  header: orNull(credentialHeader())
    .prefault(null)
    .describe('One more header that may carry a token, without a scheme; null for none.'),
  pepper: needsRestart(
    orNull(
      text(PEPPER, /^[^\s\0]{32,1024}$/, (pepper) => (new Set(pepper).size >= 8 ? pepper : null), {
        secret: true,
      }),
    )
      .prefault(null)
      .describe(
        'Key that hashes of tokens are made with; all gateways need the same one, and changing it makes every token unknown.',
      ),
  ),
  cacheSize: needsRestart(
    integer(1, 10_000_000)
      .prefault(100_000)
      .describe('Tokens kept in memory; of unknown ones, a tenth as many.'),
  ),
  freshFor: needsRestart(
    duration('0s', '1h')
      .prefault('5s')
      .describe(
        'Oldest answer of the store that is believed, unless the store vouches for it since; changes act sooner, as they are pushed.',
      ),
  ),
  negativeFreshFor: needsRestart(
    duration('0s', '1h').prefault('5s').describe('How long "there is no such token" is believed.'),
  ),
  staleFor: needsRestart(
    duration('0s', '1d')
      .prefault('60s')
      .describe(
        'Oldest answer that is used while the store is away, counted from when it was last vouched for.',
      ),
  ),
  failures: orNull(failures)
    .prefault({})
    .describe(
      'How often an address may come with what is no token before this gateway looks none of its up any more; null for no bound.',
    ),
});

export const zone = section({
  trustedProxies: list('a list of networks, ranges and addresses', proxyRange())
    .prefault([])
    .describe(
      'Peers whose X-Forwarded-For is believed, as networks, ranges or addresses; none by default, so the peer is the caller.',
    ),
});

const MAX = 'a whole number from 1 to 1000000000, or unlimited';
const max = z.union([integer(1, 1_000_000_000, MAX), z.literal('unlimited').transform(() => null)], {
  error: mustBe(MAX),
});
const concurrent = orNull(integer(1, 10_000))
  .prefault(null)
  .describe('Requests under way at once from everybody together; null for any number.');

export const limit = section({
  defaultPercentage: integer(0, 100)
    .prefault(50)
    .describe("A token's share of each endpoint's maximum, in percent, unless the token has its own."),
  onStoreAway: choice('local', 'deny', 'allow')
    .prefault('local')
    .describe(
      'What holds while the store is away: local (each gateway counts for itself, up to its part), deny or allow.',
    ),
  gateways: integer(1, 10_000)
    .prefault(1)
    .describe('How many gateways share the store; while it is away, each admits that part of every maximum.'),
  unmatched: section({
    max: max.prefault(1200).describe('Requests a window from everybody together, or unlimited.'),
    window: window.prefault('60s').describe('Length of the window, in whole seconds.'),
    concurrent,
  })
    .transform(inSeconds)
    .prefault({})
    .describe('The limit of all requests that no endpoint matches, together.'),
});

export const endpoint = section({
  name: word(
    '1 to 200 letters, digits and any of / . : , + ~ * { } _ - that begin with a letter, a digit or /',
    /^[A-Za-z0-9/][A-Za-z0-9/.:,+~*{}_-]{0,199}$/,
  )
    .refine((name) => name !== UNMATCHED, { error: 'must not be unmatched: limit.unmatched has that name' })
    .refine((name) => name !== MANAGEMENT, { error: 'must not be management: control.limit has that name' })
    .describe('Unique; the name in metrics, headers and the store.'),
  match: oneOrMore(
    'a rule such as "GET /api/v1/users/{id}", or a list of rules',
    textFor('a rule such as "GET /api/v1/users/{id}"', parseMatch),
  ).describe(
    'One rule or a list of them: methods or *, a space, and a path in which {name} is one segment and a last /** is everything below.',
  ),
  max: max.describe('Requests a window from everybody together, or unlimited.'),
  window: window
    .prefault('60s')
    .describe('Length of the window, in whole seconds; it opens at the first request.'),
  concurrent,
});
const endpoints = z.array(endpoint.transform(inSeconds), { error: mustBe('a list of endpoints') });

export const upstreamTls = section({
  ca: orNull(file())
    .prefault(null)
    .describe(
      'File with the authorities (PEM) that sign the certificates of the targets; null for those that Node trusts.',
    ),
  cert: orNull(file())
    .prefault(null)
    .describe('File with the certificate (PEM) that is shown to the targets.'),
  key: orNull(file()).prefault(null).describe('File with its private key (PEM).'),
  serverName: orNull(serverName())
    .prefault(null)
    .describe("Name that the targets are called by and held to; null for each target's own."),
});

export const upstream = section({
  name: word(
    '1 to 64 letters, digits and any of . _ - that begin with a letter or a digit',
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  ).describe('Unique; the name in metrics and logs.'),
  targets: list('a list of at least one target', target(), 1).describe(
    'Origins of equal standing, such as http://127.0.0.1:9001, or builtin:echo alone, which answers from inside the gateway.',
  ),
  paths: list(
    'a list of at least one path prefix (no path reaches this upstream otherwise)',
    pathPrefix(),
    1,
  ).describe('Path prefixes that lead here, in whole segments; the longest that covers a path wins.'),
  tls: upstreamTls
    .prefault({})
    .describe(
      'TLS to targets over https, whose certificates are always verified; files are relative to this file.',
    ),
});

export const forward = section({
  upstreams: z
    .array(upstream, { error: mustBe('a list of at least one upstream') })
    .min(1, { error: mustBe('a list of at least one upstream') })
    .describe('Where requests go.'),
  stripToken: flag().prefault(true).describe('Whether the token is taken out of what the upstream gets.'),
  preserveHost: flag()
    .prefault(false)
    .describe(
      "Whether the upstream gets the client's Host header; by default it gets its own, and the client's as X-Forwarded-Host.",
    ),
  connectTimeout: duration('10ms', '1m').prefault('2s').describe('Time to connect to a target, with TLS.'),
  headTimeout: duration('10ms', '1h')
    .prefault('60s')
    .describe("Time from the end of the request until the upstream's response head is complete."),
  idleTimeout: duration('100ms', '1d')
    .prefault('5m')
    .describe('How long a response, an event stream or a WebSocket may be silent.'),
  maxConnectionAge: duration('1s', '1d')
    .prefault('5m')
    .describe(
      'How long a connection to a target is used, or somewhat less; then the name of the target is looked up again.',
    ),
  allowLinkLocal: flag()
    .prefault(false)
    .describe(
      'Whether the name of a target may mean a link-local address or the metadata of a cloud, such as 169.254.169.254.',
    ),
  retries: integer(0, 5)
    .prefault(1)
    .describe('Further targets that are tried when one fails, where a repeat is safe.'),
  pipelining: integer(1, 32)
    .prefault(1)
    .describe(
      'Requests under way over one connection to a target at the most; 1 for none behind another. More saves processor time, and a slow answer holds up those behind it.',
    ),
  health: section({
    failures: integer(1, 1000)
      .prefault(5)
      .describe('Failures in a row after which a target gets no requests.'),
    ejectFor: duration('100ms', '1h')
      .prefault('10s')
      .describe('How long it gets none, before it is tried again.'),
    probePath: orNull(probePath())
      .prefault(null)
      .describe('Path that is asked of every target to see whether it is well; null asks nothing.'),
    probeInterval: duration('100ms', '1h')
      .prefault('5s')
      .describe('How often, and how long an answer may take.'),
  })
    .prefault({})
    .describe('When a target is left out.'),
});

const refusals = section({
  format: choice('okta', 'problem')
    .prefault('okta')
    .describe(
      "Body of refusals: okta (Okta's error object) or problem (application/problem+json, RFC 9457).",
    ),
});

const account = section({
  flushEvery: duration('10ms', '1m')
    .prefault('1s')
    .describe('How often last use is written to the store, in one batch.'),
  touchEvery: duration('0s', '1h')
    .prefault('60s')
    .describe('How often last use of one token is written at the most.'),
  queueSize: integer(1, 10_000_000)
    .prefault(100_000)
    .describe('Tokens whose last use may wait while the store is away; more are dropped and counted.'),
});

const control = section({
  publicUrl: orNull(publicUrl())
    .prefault(null)
    .describe(
      'What links in answers begin with, such as https://tollgate.example.com; null takes the Host of each request.',
    ),
  bodySize: size('1KiB', '64MiB').prefault('1MiB').describe('Largest request body of the management API.'),
  limit: section({
    max: integer(1, 1_000_000_000).prefault(1200).describe('Management requests a window.'),
    window: window.prefault('60s').describe('Length of the window of management requests, in whole seconds.'),
  })
    .transform(inSeconds)
    .prefault({})
    .describe('The limit of the management API itself, of which each token has its share.'),
  sweepEvery: duration('1s', '1d')
    .prefault('1m')
    .describe(
      'How often tokens that were unused for their whole window are revoked, and old events removed.',
    ),
  logRetention: duration('1d', '3650d').prefault('90d').describe('How long the System Log is kept.'),
});

const log = section({
  level: choice('debug', 'info', 'warn', 'error', 'fatal', 'silent')
    .prefault('info')
    .describe('Least severe lines that are written.'),
  access: flag().prefault(false).describe('Whether requests are lines in the log.'),
  accessSample: ratio()
    .prefault(1)
    .describe(
      'The part, from 0 to 1, of the requests that went well or that their caller got wrong; all others are lines always.',
    ),
});

export const telemetry = section({
  otlp: needsRestart(
    section({
      endpoint: orNull(otlpEndpoint())
        .prefault(null)
        .describe(
          'Base URL of what receives traces by OTLP over HTTP, such as http://127.0.0.1:4318; null takes OTEL_EXPORTER_OTLP_ENDPOINT of the environment, and without that nothing is traced.',
        ),
      headers: list('a list of name=value', otlpHeader())
        .prefault([])
        .describe('Headers that are sent there, each as name=value.'),
      timeout: duration('100ms', '1m')
        .prefault('5s')
        .describe(
          'How long one export may take, with its further tries; what is not delivered then is dropped.',
        ),
      queueSize: integer(1, 1_000_000)
        .prefault(4096)
        .describe('Spans that may wait to be exported; more are dropped and counted.'),
    })
      .prefault({})
      .describe('Where spans go.'),
  ),
  sample: ratio()
    .prefault(0.01)
    .describe('The part, from 0 to 1, of the traces that begin here of which spans are made.'),
  parentBased: flag()
    .prefault(true)
    .describe(
      'Whether callers that bring a trace decide for it; otherwise the part of theirs is the same, by the id of the trace.',
    ),
});

const reload = section({
  checkEvery: orNull(duration('1s', '1h'))
    .prefault(null)
    .describe(
      'How often the files are looked at for changes, which are acted on at the second look that finds them; null waits for SIGHUP.',
    ),
});

/** The whole file. */
export const configSchema = section({
  listen: listen.prefault({}).describe('Stage listen: where connections are accepted, and what bounds them.'),
  store: needsRestart(
    store.prefault({ kind: 'embedded' }).describe('Where tokens, users, zones and counters are kept.'),
  ),
  resolve: resolve.prefault({}).describe('Stage resolve: from the token in the request to its record.'),
  zone: zone.prefault({}).describe('Stage zone: from where a request comes.'),
  limit: limit.prefault({}).describe('Stage limit: how much of an endpoint a token may use.'),
  endpointFiles: list('a list of files', file())
    .prefault([])
    .describe(
      'More files with a list `endpoints`, which is added to the one here; paths are relative to this file.',
    ),
  endpoints: endpoints
    .prefault([])
    .describe('What is limited together; the most specific rule that matches a request decides.'),
  forward: forward.describe('Stage forward: from the gateway to the upstream.'),
  refusals: refusals.prefault({}).describe('What refused callers are told.'),
  account: needsRestart(account.prefault({}).describe('Stage account: last use, which keeps tokens alive.')),
  control: needsRestart(
    control.prefault({}).describe('The control plane: the management API on listen.admin.'),
  ),
  log: log.prefault({}).describe('The log: JSON lines on standard output.'),
  telemetry: telemetry.prefault({}).describe('Traces: off unless there is a receiver.'),
  reload: needsRestart(
    reload.prefault({}).describe('When a changed configuration is read, besides on SIGHUP.'),
  ),
  workers: needsRestart(
    integer(1, 256).prefault(1).describe('Gateway processes; more than one needs the store redis.'),
  ),
});
