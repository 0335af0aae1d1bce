import { errors } from 'undici';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { isRefusedAddress } from '../../forward/target-lookup.ts';
import { certificateFault } from '../../forward/target-tls.ts';

/** Answers that undici refuses with one error class for many things; the message tells them from a lost connection. */
const BAD_ANSWERS: ReadonlySet<string> = new Set(['bad response', 'bad upgrade']);

/**
 * What an error of undici's says of the upstream. The codes are undici's (node_modules/undici/docs/docs/api/Errors.md)
 * and the system's.
 * @param sent whether the request had a connection
 * @returns `gateway.bug` for what is no failure of the upstream's
 */
export function upstreamFailure(error: Error & { readonly code?: unknown }, sent: boolean): RejectionCode {
  if (error instanceof errors.ConnectTimeoutError) return 'forward.connect-timeout';
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
    return 'forward.head-timeout';
  }
  if (error instanceof errors.SocketError) {
    return BAD_ANSWERS.has(error.message) ? 'forward.bad-response' : 'forward.reset';
  }
  if (
    error instanceof errors.HTTPParserError ||
    error instanceof errors.HeadersOverflowError ||
    error instanceof errors.ResponseContentLengthMismatchError
  ) {
    return 'forward.bad-response';
  }
  // The pool is closing with the gateway.
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError) {
    return 'forward.no-target';
  }
  if (isRefusedAddress(error)) return 'forward.address';
  if (certificateFault(error) !== null) return 'forward.certificate';
  if (error instanceof errors.UndiciError || error.code === undefined) return 'gateway.bug';
  return sent ? 'forward.reset' : 'forward.connect';
}
