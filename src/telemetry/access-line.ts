import type { RejectionCode } from '../domain/rejection.ts';
import { rejectionRow } from '../domain/rejection.ts';
import type { Credential } from '../domain/token.ts';

/** What the access log needs of an exchange's end; the gateway's `Outcome` has it all. */
export interface Ended {
  readonly requestId: string;
  readonly arrival: { readonly method: string; readonly path: string } | null;
  readonly decision: 'forwarded' | RejectionCode;
  readonly permit: {
    readonly credential: Credential;
    readonly endpoint: { readonly name: string };
    readonly client: string;
  } | null;
  readonly rejection: {
    readonly credential: Credential | null;
    readonly endpoint: string | null;
    readonly client: string | null;
  } | null;
  readonly status: number;
  readonly complete: boolean;
  readonly upstream: string | null;
}

/** The fields of one access line: ids and codes, never a header, a query or a body, so nothing in it can be a secret. */
export function accessLine({ arrival, decision, permit, rejection, ...end }: Ended) {
  const credential = permit?.credential ?? rejection?.credential ?? null;
  return {
    requestId: end.requestId,
    method: arrival?.method ?? null,
    path: arrival?.path ?? null,
    decision,
    source: decision === 'forwarded' ? null : rejectionRow(decision).source,
    status: end.status,
    complete: end.complete,
    tokenId: credential?.token.id ?? null,
    userId: credential?.token.userId ?? null,
    client: permit?.client ?? rejection?.client ?? null,
    endpoint: permit?.endpoint.name ?? rejection?.endpoint ?? null,
    upstream: end.upstream,
  };
}
