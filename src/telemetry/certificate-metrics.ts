import type { Declare } from './declare.ts';

/**
 * Declares when the certificates of the listeners end.
 * @param ends of each certificate, in the order of `listen.tls.certificates`: milliseconds since the epoch
 */
export function declareCertificates(declare: Declare, ends: () => readonly number[]): void {
  declare.gauge(
    {
      name: 'tollgate_certificate_expiry_timestamp_seconds',
      help: 'When a certificate of the listeners ends, in seconds since the epoch, by its place in listen.tls.certificates.',
      labelNames: ['certificate'],
    },
    'min',
    () => ends().map((at, index) => ({ labels: { certificate: String(index) }, value: at / 1000 })),
  );
}
