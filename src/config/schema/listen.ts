import { listenAddress } from '../network-settings.ts';
import { choice, duration, flag, integer, list, needsRestart, orNull, section, size } from '../setting.ts';
import { file } from './file-setting.ts';

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
      'Client connections open at once from one address that is no trusted proxy; IPv6 addresses of one /64 are one. More are closed as they come.',
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
    .describe(
      'How long a connection may stay open between two requests, and a client leave an answer untouched.',
    ),
  drainDelay: duration('0s', '5m')
    .prefault('0s')
    .describe(
      'How long connections and requests are still taken after /readyz has turned to 503, when the process is told to stop.',
    ),
  drainTimeout: duration('0s', '1h')
    .prefault('25s')
    .describe('How long requests under way may take to end when the process is told to stop.'),
});
