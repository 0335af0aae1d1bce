/** The word of OpenSSL for what the other side said, in its text of an error: `…:SSL routines:function:word:file:…`. */
const ALERT = /SSL routines:[^:]*:([^:\n]+)/;
/** The codes with which Node refuses a certificate. */
const NOT_BELIEVED = /CERT|ISSUER|SIGNATURE|CRL/;

/** What keeps TLS from being spoken, in one line that says where to look; null when it is something else. */
export function tlsReason(error: Error): string | null {
  const [, alert] = ALERT.exec(error.message) ?? [];
  if (alert !== undefined) return `TLS fails, it says "${alert}": see store.tls`;
  const code = 'code' in error ? String(error.code) : '';
  return NOT_BELIEVED.test(code) ? `its certificate is not believed: ${error.message}: see store.tls` : null;
}
