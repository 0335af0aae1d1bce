import type { LimitedEndpoint } from '../../domain/endpoint.ts';
import {
  type Counted,
  type LimitLedger,
  NOTHING_COUNTED,
  type Spend,
  type Spent,
} from '../../domain/limit-ledger.ts';
import { judge } from '../../domain/limit-window.ts';
import type { Connection } from './connection.ts';
import { listFrom } from './reply.ts';
import { bareScript } from './script.ts';

/**
 * KEYS: the endpoint's window. ARGV: the token's id, its share, the endpoint's maximum, the window in seconds.
 * Counts one request if both budgets have room, on this server's time. Answers with the counts before it (from
 * everybody, with this token) and the window's end in milliseconds since the epoch.
 */
const SPEND = bareScript(`
local own = 'token:' .. ARGV[1]
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', own)
local time = redis.call('TIME')
local endsAt = tonumber(window[1])
if not endsAt or endsAt <= time[1] * 1000 + math.floor(time[2] / 1000) then
  endsAt = (time[1] + ARGV[4]) * 1000
  -- Only where it is needed: a server out of memory lets a script go on that began with freeing some.
  if window[1] then redis.call('DEL', KEYS[1]) end
  redis.call('HSET', KEYS[1], 'ends', endsAt)
  redis.call('PEXPIREAT', KEYS[1], endsAt)
  window = { endsAt, 0, 0 }
end
local all, used = tonumber(window[2] or 0), tonumber(window[3] or 0)
if used < tonumber(ARGV[2]) and all < tonumber(ARGV[3]) then
  redis.call('HINCRBY', KEYS[1], 'all', 1)
  redis.call('HINCRBY', KEYS[1], own, 1)
end
return { all, used, endsAt }`);

/** KEYS: the endpoint's window. ARGV: the token's id. Answers as SPEND does; with nothing when no window is open. */
const COUNT = bareScript(`
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', 'token:' .. ARGV[1])
local time = redis.call('TIME')
if not window[1] or tonumber(window[1]) <= time[1] * 1000 + math.floor(time[2] / 1000) then return {} end
return { tonumber(window[2] or 0), tonumber(window[3] or 0), tonumber(window[1]) }`);

/**
 * Counts in Redis, one script a request, on the server's time, so that all gateways share one window. Everything
 * about one endpoint is one key: a token's share and the endpoint's budget meet in one slot of Redis Cluster.
 */
export class RedisLedger implements LimitLedger {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async spend(spend: Spend): Promise<Spent> {
    const { endpoint, tokenId, share } = spend;
    const args = [tokenId, share, endpoint.max, endpoint.windowSeconds];
    const reply = await this.#connection.run(SPEND, [windowKey(this.#prefix, endpoint.name)], args);
    const [all, own, endsAt] = listFrom(reply);
    return judge(spend, Number(all), Number(own), Number(endsAt));
  }

  async count({ name }: LimitedEndpoint, tokenId: string): Promise<Counted> {
    const reply = await this.#connection.run(COUNT, [windowKey(this.#prefix, name)], [tokenId]);
    const [all, own, endsAt] = listFrom(reply);
    if (endsAt === undefined) return NOTHING_COUNTED;
    return { all: Number(all), own: Number(own), resetAt: Number(endsAt) };
  }

  async close(): Promise<void> {}
}

/** The key of an endpoint's window. The name is encoded, so that no brace in it moves the hash tag. */
export function windowKey(prefix: string, endpoint: string): string {
  return `${prefix}{l:${encodeURIComponent(endpoint)}}`;
}
