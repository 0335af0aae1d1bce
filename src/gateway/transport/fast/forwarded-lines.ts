import type { Arrival, Permit } from '../../decision.ts';
import {
  forwardedFor,
  forwardedHost,
  forwardedProto,
  type RequestFacts,
} from '../../forward/request-headers.ts';
import { inOnePiece } from './one-piece.ts';
import type { PlainHeaders } from './plain-headers.ts';

/**
 * The lines of a request to the upstream, from `Host` to `X-Forwarded-Host`, made once for a header block, its caller
 * and a target, and then repeated for as long as all three are the same.
 */
export class ForwardedLines {
  #client = '';
  #targetHost = '';
  #lines = '';

  /**
   * @param headers those that this belongs to
   * @param facts the same for every request of the connection, but for the target's host
   */
  of(headers: PlainHeaders, arrival: Arrival, permit: Permit, facts: RequestFacts): string {
    // A server that sends a body with it, against the rules, would spoil the connection for the next request.
    if (arrival.method === 'HEAD') return compose('close', headers, arrival, permit, facts);
    const { client } = permit;
    const { targetHost } = facts;
    if (this.#lines === '' || client !== this.#client || targetHost !== this.#targetHost) {
      this.#lines = inOnePiece(compose('keep-alive', headers, arrival, permit, facts));
      this.#client = client;
      this.#targetHost = targetHost;
    }
    return this.#lines;
  }
}

function compose(
  connection: 'close' | 'keep-alive',
  headers: PlainHeaders,
  arrival: Arrival,
  permit: Permit,
  facts: RequestFacts,
): string {
  const host = facts.preserveHost ? headers.host : facts.targetHost;
  return `Host: ${host}\r\nconnection: ${connection}\r\n${headers.passed}X-Forwarded-For: ${forwardedFor(
    arrival,
    permit,
    facts,
  )}\r\nX-Forwarded-Proto: ${forwardedProto(headers, facts)}\r\nX-Forwarded-Host: ${forwardedHost(headers, facts)}\r\n`;
}
