import {
  COUNT_REMEMBERED_MS,
  HOUR_MS,
  HOURS_KEPT,
  hourOf,
  type RequestCounts,
  TOKENS_KEPT,
  type TokenRequests,
} from '../../domain/request-counts.ts';
import { jsonText } from '../records.ts';
import type { Connection } from './connection.ts';
import { listFrom, textFrom } from './reply.ts';
import { managementKey } from './script.ts';
import { BUSIEST_TOKENS, COUNT } from './usage-scripts.ts';

/** A set is kept from its last count on, by the server's own clock: whoever counts may have another. */
const KEPT_MS = (HOURS_KEPT + 1) * HOUR_MS;

/** How often tokens are used: one set for each hour, of token ids by their requests. */
export class RequestHours {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async count({ id, at, tokens }: RequestCounts): Promise<void> {
    const flat = tokens.flatMap(({ tokenId, requests }) => [tokenId, requests]);
    const once = [`counted ${id}`, at, at + COUNT_REMEMBERED_MS];
    const keys = [...COUNT.keys.map((name) => managementKey(this.#prefix, name)), this.#key(hourOf(at))];
    await this.#connection.run(COUNT, keys, [...once, TOKENS_KEPT, KEPT_MS, jsonText(flat)]);
  }

  async busiest(since: number, until: number, limit: number): Promise<readonly TokenRequests[]> {
    const keys = [];
    for (let hour = hourOf(since); hour <= hourOf(until); hour++) keys.push(this.#key(hour));
    const reply = listFrom(await this.#connection.run(BUSIEST_TOKENS, keys, [limit]));
    const found: TokenRequests[] = [];
    for (let i = 0; i < reply.length; i += 2) {
      found.push({ tokenId: textFrom(reply[i]), requests: Number(reply[i + 1]) });
    }
    return found;
  }

  #key(hour: number): string {
    return `${this.#prefix}{m}:requests:${hour}`;
  }
}
