import { describe, expect, it } from 'vitest';
import { certificateFault, connectionTls } from '../../../src/gateway/forward/target-tls.ts';

describe('a failure of TLS', () => {
  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'INVALID_CA',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
  ])('with %s is one of a certificate', (code) => {
    expect(certificateFault({ code })).toBe(code);
  });

  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    undefined,
  ])('with %s is not', (code) => {
    expect(certificateFault({ code })).toBeNull();
  });
});

it('what is not said of TLS to a target is left to Node, and never switches verification off', () => {
  const nothing = { ca: null, cert: null, key: null, serverName: null };
  expect(connectionTls(nothing)).toEqual({});
  expect(connectionTls({ ...nothing, ca: 'CA', serverName: 'api.internal' })).toEqual({
    ca: 'CA',
    servername: 'api.internal',
  });
});
