import type { IncomingHttpHeaders } from 'node:http';

/** Whether an `Accept` value (undefined: none) takes JSON (RFC 9110 §12.5.1); weights other than 0 do not matter. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const wanted = type === '*/*' || type === 'application/*' || type === 'application/json';
    return wanted && !parameters.some((parameter) => /^q=0(\.0{0,3})?$/.test(parameter));
  });
}

/**
 * Whether the body may be read as JSON: it says so, or there is none to read. A POST without a body needs no
 * `Content-Type`, as Okta's SDKs send it (docs/okta.md §9).
 */
export function bodyIsJson(headers: IncomingHttpHeaders): boolean {
  const length = headers['content-length'];
  const hasBody = headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0);
  if (!hasBody) return true;
  const [type = '', ...parameters] = (headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  return (
    type === 'application/json' && (charset === undefined || /^charset="?(utf-8|us-ascii)"?$/.test(charset))
  );
}
