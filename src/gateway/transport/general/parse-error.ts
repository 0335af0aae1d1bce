import type { RejectionCode } from '../../../domain/rejection.ts';

/** Errors of Node's parser (llhttp) and its checks that say more than "not HTTP". */
const CODES: ReadonlyMap<string, RejectionCode> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 'listen.timeout'],
  ['HPE_HEADER_OVERFLOW', 'listen.head-too-large'],
  ['HPE_INVALID_VERSION', 'listen.version'],
  ['HPE_INVALID_URL', 'listen.bad-target'],
  ['HPE_INVALID_HEADER_TOKEN', 'listen.bad-header'],
  ['HPE_INVALID_CONTENT_LENGTH', 'listen.bad-framing'],
  ['HPE_UNEXPECTED_CONTENT_LENGTH', 'listen.bad-framing'],
  ['HPE_INVALID_TRANSFER_ENCODING', 'listen.bad-framing'],
  ['HPE_INVALID_CHUNK_SIZE', 'listen.bad-framing'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 'listen.bad-framing'],
  ['HPE_INVALID_EOF_STATE', 'listen.bad-framing'],
]);

/**
 * What a `clientError` of node:http means.
 * @returns null when it is the connection that failed, so that there is nobody to answer
 */
export function parseErrorCode(error: NodeJS.ErrnoException): RejectionCode | null {
  const { code = '' } = error;
  return CODES.get(code) ?? (code.startsWith('HPE_') ? 'listen.bad-request' : null);
}
