import type { Arrival, Permit } from '../../decision.ts';
import type { RequestFacts } from '../../forward/request-headers.ts';
import { WRITTEN_TOGETHER } from './answer-writer.ts';
import { requestHead } from './heads.ts';
import type { PlainHeaders } from './plain-headers.ts';
import type { RequestBody } from './request-body.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/**
 * Writes a request to the upstream, with as much of its body as there is.
 * @param body null where the request has none
 * @param complete whether that is all of it
 * @returns false when the upstream should be given time
 */
export function writeRequest(
  connection: UpstreamConnection,
  arrival: Arrival,
  headers: PlainHeaders,
  permit: Permit,
  facts: RequestFacts,
  body: RequestBody | null,
  complete: boolean,
): boolean {
  let head = requestHead(arrival, headers, permit, facts);
  let bytes = body?.take() ?? null;
  if (bytes !== null && bytes.length <= WRITTEN_TOGETHER) {
    head += bytes.toString('latin1');
    bytes = null;
  }
  return connection.send(head, bytes, complete, arrival.method === 'HEAD');
}
