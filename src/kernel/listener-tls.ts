import { randomBytes, type X509Certificate } from 'node:crypto';
import {
  createSecureContext,
  type SecureContext,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';

/** A certificate chain with its key, both PEM. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
  /** The first certificate of the chain. */
  readonly certificate: X509Certificate;
}

/** What the listeners that speak TLS show and ask for. */
export interface TlsMaterial {
  /** At least one. The first is shown to clients that name no host, or one that no certificate is for. */
  readonly certificates: readonly [CertifiedKey, ...CertifiedKey[]];
  /** PEM of the authorities that sign the certificates of clients. */
  readonly clientCa: string | null;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** Bytes, as Node wants them. */
const TICKET_KEYS_LENGTH = 48;

/** Whether clients may, or must, show a certificate. One that is shown must be good. */
export type ClientCertificates = 'none' | 'optional' | 'required';

/** The context in which a handshake is made. Throws where certificate and key are no pair. */
export function secureContext({ cert, key }: CertifiedKey, material: TlsMaterial): SecureContext {
  const { clientCa, minVersion } = material;
  return createSecureContext({ cert, key, minVersion, ...(clientCa === null ? {} : { ca: clientCa }) });
}

/**
 * TLS for any number of listeners, with certificates that can be renewed while they listen: connections stay, and the
 * next handshake shows the new ones.
 */
export class ListenerTls {
  #material: TlsMaterial;
  #contexts: readonly SecureContext[];
  readonly #clientCertificates: ClientCertificates;
  readonly #servers: Server[] = [];
  /** All servers take each other's tickets, so that a session goes on whichever of them accepts the client. */
  #ticketKeys = randomBytes(TICKET_KEYS_LENGTH);

  constructor(material: TlsMaterial, clientCertificates: ClientCertificates) {
    this.#material = material;
    this.#contexts = contextsOf(material);
    this.#clientCertificates = clientCertificates;
  }

  /** What a server is created with. @param handshakeMs how long a handshake may take, in milliseconds */
  options(handshakeMs: number): TlsOptions {
    return {
      ...this.#default(),
      requestCert: this.#clientCertificates !== 'none',
      rejectUnauthorized: this.#clientCertificates === 'required',
      handshakeTimeout: handshakeMs,
      SNICallback: (name, done) => done(null, this.#contextFor(name)),
      noDelay: true,
      allowHalfOpen: true,
    };
  }

  /** Keeps a server that was created with `options` at the certificates that hold. */
  attach(server: Server): void {
    this.#servers.push(server);
    if (this.#clientCertificates !== 'optional') return;
    // Node passes over a bad certificate where none is required.
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      if (!socket.authorized && socket.getPeerX509Certificate() !== undefined) socket.destroy();
    });
  }

  /** @throws where a certificate and its key are no pair; nothing has changed then */
  renew(material: TlsMaterial): void {
    this.#contexts = contextsOf(material);
    this.#material = material;
    this.#ticketKeys = randomBytes(TICKET_KEYS_LENGTH);
    for (const server of this.#servers) server.setSecureContext(this.#default());
  }

  /** When each certificate that is shown now ends: milliseconds since the epoch, in the order in which they were given. */
  certificateEnds(): readonly number[] {
    return this.#material.certificates.map(({ certificate }) => certificate.validToDate.getTime());
  }

  #default() {
    const { certificates, clientCa, minVersion } = this.#material;
    const [{ cert, key }] = certificates;
    const ticketKeys = this.#ticketKeys;
    return { cert, key, minVersion, ticketKeys, ...(clientCa === null ? {} : { ca: clientCa }) };
  }

  #contextFor(name: string): SecureContext | undefined {
    const index = this.#material.certificates.findIndex(
      ({ certificate }) => certificate.checkHost(name) !== undefined,
    );
    return this.#contexts[Math.max(0, index)];
  }
}

function contextsOf(material: TlsMaterial): readonly SecureContext[] {
  return material.certificates.map((each) => secureContext(each, material));
}
