/**
 * Every way a request can be refused, in one closed table: the code is the stage's word and a reason, and is the
 * key of metrics, log lines and the pages in docs/refusals.md. What the caller reads is `summary` and `cause`;
 * all reasons why a credential is worthless read the same, so a stranger learns nothing (docs/okta.md §6).
 */

/** Whose side a refusal comes from: the caller's request, the upstream's answer, or this gateway and its store. */
export type Source = 'client' | 'upstream' | 'gateway';

interface Row {
  readonly status: number;
  /** Okta's error code. */
  readonly errorCode: string;
  readonly source: Source;
  /** Okta's error summary: what the caller reads first. */
  readonly summary: string;
  /** What the caller should know or do next; null where more would tell a stranger too much. */
  readonly cause: string | null;
}

const invalidToken: Row = {
  status: 401,
  errorCode: 'E0000011',
  source: 'client',
  summary: 'Invalid token provided',
  cause: null,
};
const forbidden: Row = {
  status: 403,
  errorCode: 'E0000006',
  source: 'client',
  summary: 'You do not have permission to perform the requested action',
  cause: null,
};
const limited: Row = {
  status: 429,
  errorCode: 'E0000047',
  source: 'client',
  summary: 'API call exceeded rate limit due to too many requests.',
  cause: null,
};

const badRequest = (cause: string, status = 400): Row => ({
  status,
  errorCode: 'E0000001',
  source: 'client',
  summary: 'Api validation failed: request',
  cause,
});
const failure = (status: number, source: Source, summary: string, cause: string): Row => ({
  status,
  errorCode: 'E0000009',
  source,
  summary,
  cause,
});
const storeAway = failure(
  503,
  'gateway',
  'Service Unavailable',
  'The gateway cannot reach its store just now. Nothing is wrong with the request: repeat it later.',
);

export const REJECTIONS = {
  'listen.bad-request': badRequest('The request is not well-formed HTTP/1.1, or is ambiguous.'),
  'listen.bad-framing': badRequest('The length of the request body is not stated once and plainly.'),
  'listen.bad-header': badRequest('A header has a name or a value that is not allowed.'),
  'listen.bad-host': badRequest('Exactly one valid Host header is required.'),
  'listen.bad-target': badRequest('The request target must be a plain, normalised path.'),
  'listen.bad-upgrade': badRequest(
    'Only a WebSocket upgrade of version 13, by GET and without a body, is possible.',
  ),
  'listen.version': badRequest('Only HTTP/1.0 and HTTP/1.1 are spoken here.', 505),
  'listen.method': {
    status: 405,
    errorCode: 'E0000022',
    source: 'client',
    summary: 'The endpoint does not support the provided HTTP method',
    cause: null,
  },
  'listen.expectation': badRequest('Only "Expect: 100-continue" can be met.', 417),
  'listen.head-too-large': badRequest('The request head is too large or has too many headers.', 431),
  'listen.target-too-long': badRequest('The request target is too long.', 414),
  'listen.body-too-large': badRequest('The request body is larger than this gateway accepts.', 413),
  'listen.timeout': badRequest('The request did not arrive in time.', 408),
  'resolve.missing': {
    status: 403,
    errorCode: 'E0000005',
    source: 'client',
    summary: 'Invalid session',
    cause: null,
  },
  'resolve.malformed': invalidToken,
  'resolve.unknown': invalidToken,
  'resolve.revoked': invalidToken,
  'resolve.expired': invalidToken,
  'resolve.owner-inactive': invalidToken,
  'resolve.agent-inactive': invalidToken,
  'resolve.too-many-failures': {
    ...limited,
    cause: 'Too many requests from this address had no valid token. Repeat the request later.',
  },
  'resolve.store-away': storeAway,
  'zone.blocked': forbidden,
  'zone.outside': forbidden,
  'zone.undecidable': forbidden,
  'zone.store-away': storeAway,
  'limit.token': {
    ...limited,
    cause: "The token's share of this endpoint's rate is spent until the window ends.",
  },
  'limit.endpoint': { ...limited, cause: 'The rate of this endpoint is spent until the window ends.' },
  'limit.concurrent-token': {
    ...limited,
    cause: "The token's share of the requests that this endpoint may have under way is in use.",
  },
  'limit.concurrent-endpoint': {
    ...limited,
    cause: 'This endpoint has as many requests under way as it may.',
  },
  'limit.store-away': storeAway,
  'forward.no-route': {
    status: 404,
    errorCode: 'E0000008',
    source: 'client',
    summary: 'The requested path was not found',
    cause: null,
  },
  'forward.no-target': failure(
    503,
    'upstream',
    'Service Unavailable',
    'No target of the upstream is healthy.',
  ),
  'forward.connect': failure(502, 'upstream', 'Bad Gateway', 'The upstream could not be reached.'),
  'forward.address': failure(
    502,
    'upstream',
    'Bad Gateway',
    'The name of the upstream means an address that no upstream may have.',
  ),
  'forward.certificate': failure(
    502,
    'upstream',
    'Bad Gateway',
    'The upstream could not be reached securely.',
  ),
  'forward.reset': failure(
    502,
    'upstream',
    'Bad Gateway',
    'The upstream closed the connection without an answer.',
  ),
  'forward.bad-response': failure(
    502,
    'upstream',
    'Bad Gateway',
    "The upstream's answer is not well-formed HTTP.",
  ),
  'forward.connect-timeout': failure(
    504,
    'upstream',
    'Gateway Timeout',
    'The upstream did not accept a connection in time.',
  ),
  'forward.head-timeout': failure(504, 'upstream', 'Gateway Timeout', 'The upstream did not answer in time.'),
  'gateway.bug': failure(
    500,
    'gateway',
    'Internal Server Error',
    'The gateway failed; the request id finds the log line.',
  ),
} as const satisfies Record<string, Row>;

export type RejectionCode = keyof typeof REJECTIONS;

/** The public face of a code. */
export function rejectionRow(code: RejectionCode): Row {
  return REJECTIONS[code];
}
