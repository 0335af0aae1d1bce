import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ListenerTls } from '../../src/kernel/listener-tls.ts';

const pem = (name: string) => readFileSync(new URL(`tls/${name}`, import.meta.url), 'utf8');

/** PEM of the authority that a client of `testTls` has to trust. */
export const testCa = pem('ca.crt');

/** TLS with a certificate for localhost, which asks for none. */
export function testTls(): ListenerTls {
  const cert = pem('gateway.crt');
  const own = { cert, key: pem('gateway.key'), certificate: new X509Certificate(cert) };
  return new ListenerTls({ certificates: [own], clientCa: null, minVersion: 'TLSv1.2' }, 'none');
}
