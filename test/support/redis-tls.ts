/** TLS of the servers of tests: it asks for a certificate, and both sides have theirs from the authority of the tests. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const inFiles = (name: string) => fileURLToPath(new URL(`tls/${name}`, import.meta.url));

/** Lines of redis.conf. Sentinel and the nodes of a cluster speak TLS among themselves too. */
export const TLS_LINES: readonly (readonly [string, string])[] = [
  ['tls-cert-file', inFiles('gateway.crt')],
  ['tls-key-file', inFiles('gateway.key')],
  ['tls-ca-cert-file', inFiles('ca.crt')],
  ['tls-auth-clients', 'yes'],
  ['tls-replication', 'yes'],
];

/** What a client needs to be let in. */
export const TLS_CLIENT = {
  ca: readFileSync(inFiles('ca.crt'), 'utf8'),
  cert: readFileSync(inFiles('client.crt'), 'utf8'),
  key: readFileSync(inFiles('client.key'), 'utf8'),
};

/** The options of a client of such a server, or of a plain one. */
export function clientTls(tls: boolean) {
  return tls ? { tls: TLS_CLIENT } : {};
}
