import { z } from 'zod';
import { pathPrefix, probePath, target } from '../network-settings.ts';
import { duration, flag, integer, list, mustBe, orNull, section, word } from '../setting.ts';
import { file, serverName } from './file-setting.ts';

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
    .describe(
      'How long the upstream may take no more of a body, and then how long until the head of its response is complete.',
    ),
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
