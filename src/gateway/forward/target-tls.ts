/** TLS to a target: what is shown to it, and what it is held to. Its certificate is always verified. */
export interface TargetTls {
  /** PEM of the authorities that may sign the target's certificate; null for those that Node trusts. */
  readonly ca: string | null;
  /** PEM of the certificate that is shown to the target, and of its key; null for none. */
  readonly cert: string | null;
  readonly key: string | null;
  /** The name that the target is called by and its certificate must be for; null for the host of its origin. */
  readonly serverName: string | null;
}

/** The same as options of `tls.connect`; what is not said is left out. */
export function connectionTls(tls: TargetTls | null | undefined): {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
} {
  if (tls === null || tls === undefined) return {};
  const { ca, cert, key, serverName } = tls;
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(serverName === null ? {} : { servername: serverName }),
  };
}

// Node's codes of X.509 errors (nodejs.org/api/tls.html), and of the alerts by which the target refuses our certificate.
const REFUSED_HERE =
  /^(?:CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_|HOSTNAME_MISMATCH$|ERR_TLS_CERT_)/;
const REFUSED_THERE = /^ERR_SSL_.*ALERT_.*(?:CERTIFICATE|UNKNOWN_CA)/;

/** Why a connection failed for one side's certificate: Node's code, such as `CERT_HAS_EXPIRED`. Null when it failed otherwise. */
export function certificateFault({ code }: { readonly code?: unknown }): string | null {
  return typeof code === 'string' && (REFUSED_HERE.test(code) || REFUSED_THERE.test(code)) ? code : null;
}
