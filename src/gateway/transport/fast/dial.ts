import { connect, isIP, type LookupFunction, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { connectionTls, type TargetTls } from '../../forward/target-tls.ts';

/** Where a connection is opened to. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Finds the address of the host. */
  readonly lookup: LookupFunction;
}

/** Begins to connect, and reads as `onread` says. A TLS target is called, and held to, the name that the configuration gives it. */
export function dial(
  { host, port, secure, lookup }: Destination,
  tls: TargetTls | null | undefined,
  onread: OnReadOpts,
): Socket {
  if (!secure) return connect({ host, port, lookup, onread });
  const options: ConnectionOptions & { onread: OnReadOpts } = {
    host,
    port,
    lookup,
    onread,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...connectionTls(tls),
  };
  return connectTls(options);
}
