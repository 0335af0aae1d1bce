import { describe, expect, it } from 'vitest';
import { tlsReason } from '../../src/store/redis/tls-reason.ts';

describe('what keeps TLS to Redis from being spoken', () => {
  it.each([
    [
      'that a certificate is wanted',
      '405DED29BA7F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number 116\n',
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      'TLS fails, it says "tlsv13 alert certificate required": see store.tls',
    ],
    [
      'that the certificate has expired',
      'certificate has expired',
      'CERT_HAS_EXPIRED',
      'its certificate is not believed: certificate has expired: see store.tls',
    ],
    ['nothing of a connection that was refused', 'connect ECONNREFUSED 127.0.0.1:1', 'ECONNREFUSED', null],
  ])('is one line, which says %s', (_, message, code, line) => {
    expect(tlsReason(Object.assign(new Error(message), { code }))).toBe(line);
  });
});
