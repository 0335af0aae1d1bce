/**
 * What the management API answers when it refuses, in Okta's wire form (docs/okta.md §6). Refusals are values: an
 * operation returns one instead of its answer.
 */
import { randomBytes } from 'node:crypto';
import { type RejectionCode, rejectionRow } from '../domain/rejection.ts';

export interface ApiError {
  readonly kind: 'error';
  readonly status: number;
  readonly errorCode: string;
  readonly errorSummary: string;
  /** What is wrong in particular, and what would be right. */
  readonly causes: readonly string[];
}

function apiError(
  status: number,
  errorCode: string,
  errorSummary: string,
  causes: readonly string[] = [],
): ApiError {
  return { kind: 'error', status, errorCode, errorSummary, causes };
}

export function isApiError(value: object): value is ApiError {
  return 'kind' in value && value.kind === 'error';
}

/**
 * 400 for a value that breaks a rule.
 * @param subject the field at the top of the body, the parameter, or the kind of thing that was refused
 * @param causes each in the form `field: what is wrong`
 */
export function invalid(subject: string, ...causes: readonly string[]): ApiError {
  return apiError(400, 'E0000001', `Api validation failed: ${subject}`, causes);
}

/** 404 for a record that does not exist. @param type Okta's name of the kind, such as `Token` */
export function notFound(id: string, type: string): ApiError {
  return apiError(404, 'E0000007', `Not found: Resource not found: ${id} (${type})`);
}

/** 409: somebody else changed the record at the same time, again and again. */
export function conflict(subject: string): ApiError {
  return apiError(409, 'E0000001', `Api validation failed: ${subject}`, [
    `${subject}: It was changed by somebody else at the same time. Read it again and repeat the request.`,
  ]);
}

/** 412: the record is not as `If-Match` says. */
export const PRECONDITION_FAILED = apiError(412, 'E0000001', 'Api validation failed: If-Match', [
  'If-Match: The resource has changed since that ETag was read. Read it again and repeat the request.',
]);

export const FORBIDDEN = apiError(
  403,
  'E0000006',
  'You do not have permission to perform the requested action',
);
export const PATH_NOT_FOUND = apiError(404, 'E0000008', 'The requested path was not found');
export const METHOD_NOT_ALLOWED = apiError(
  405,
  'E0000022',
  'The endpoint does not support the provided HTTP method',
);
export const BODY_NOT_WELL_FORMED = apiError(400, 'E0000003', 'The request body was not well-formed.');
/** Two spaces, as Okta writes it. */
export const BAD_MEDIA_TYPE = apiError(
  400,
  'E0000019',
  'Bad request.  Accept and/or Content-Type headers likely do not match supported values.',
);
export const BAD_CURSOR = apiError(400, 'E0000029', 'Invalid paging request.', ['Invalid cursor.']);
export const WRONG_USER_STATUS = apiError(
  403,
  'E0000038',
  "This operation is not allowed in the user's current status.",
);
export const ROLE_ASSIGNED_ALREADY = apiError(409, 'E0000090', 'Duplicate role assignment exception.', [
  'The role specified is already assigned to the user.',
]);
export const STORE_AWAY = rejected('resolve.store-away');
export const COMMIT_UNSURE = apiError(504, 'E0000009', 'Gateway Timeout', [
  'The change was made, but the store did not say in time that a failure could not undo it. Look whether it is there before you repeat it.',
]);
export const INTERNAL = apiError(500, 'E0000009', 'Internal Server Error');

/** 400 for a search expression that cannot be read or is not supported. */
export function badSearch(cause: string): ApiError {
  return apiError(400, 'E0000031', 'Invalid search criteria.', [cause]);
}

/** The same where Okta says in the summary what is not supported. */
export function unsupportedSearch(summary: string): ApiError {
  return apiError(400, 'E0000031', summary);
}

/** 400 for a SCIM filter that cannot be read. */
export function badFilter(summary = 'Invalid SCIM filter.', causes: readonly string[] = []): ApiError {
  return apiError(400, 'E0000053', summary, causes);
}

/** What the gateway's own table says of a refusal. */
export function rejected(code: RejectionCode): ApiError {
  const { status, errorCode, summary, cause } = rejectionRow(code);
  return apiError(status, errorCode, summary, cause === null ? [] : [cause]);
}

/** The body of the answer, its keys in Okta's order. */
export function errorBody({ errorCode, errorSummary, causes }: ApiError) {
  return {
    errorCode,
    errorSummary,
    errorLink: errorCode,
    // `oae` and 22 random characters that are safe in URLs: the form of Okta's ids.
    errorId: `oae${randomBytes(17).toString('base64url').slice(0, 22)}`,
    errorCauses: causes.map((errorSummary) => ({ errorSummary })),
  };
}
