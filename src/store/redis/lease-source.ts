import {
  type Grant,
  type LeaseQuestion,
  type LeaseSource,
  looseMs,
  PART_OF_LEFT,
  TOO_LITTLE_LEFT,
} from '../../domain/lease.ts';
import { type Counted, NOTHING_COUNTED } from '../../domain/limit-ledger.ts';
import type { Connection } from './connection.ts';
import { listFrom } from './reply.ts';
import { bareScript } from './script.ts';

/**
 * How long a window that has ended is kept, in milliseconds, so that the first question of the next one takes it away,
 * which Redis does beside its work. What expires it frees while everybody waits: a third of a second for 200,000 tokens.
 */
const KEPT_MS = 10_000;

/**
 * KEYS: the endpoint's window. ARGV: its length in seconds, the endpoint's maximum, for how many milliseconds a lease may
 * come back, and how many tokens give something back; then for each of these its id, how many requests, and the end
 * of the window that they were taken from; then for each token that asks its id, its share, need and want. Grants one
 * after the other as `leaseSize` says, on this server's time. Answers with the window's end in milliseconds since the epoch
 * and the microseconds until then; then for each token that asks the grant, the counts after it (for everybody, for
 * this token), and for how many milliseconds either count may still go down.
 */
const EXCHANGE = bareScript(`
local key, asks = KEYS[1], 5 + 3 * ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = redis.call('HMGET', key, 'ends', 'all', 'loose')
local endsAt, all, allLooseUntil = tonumber(window[1]), tonumber(window[2] or 0), tonumber(window[3] or 0)
for i = 5, asks - 1, 3 do
  local ownField, count = 'token:' .. ARGV[i], tonumber(ARGV[i + 1])
  local own = tonumber(redis.call('HGET', key, ownField) or 0)
  -- After a failover some may never have been counted here.
  if tonumber(ARGV[i + 2]) == endsAt and count <= all and count <= own then
    all = redis.call('HINCRBY', key, 'all', -count)
    redis.call('HINCRBY', key, ownField, -count)
  end
end
if asks > #ARGV then return {} end
if not endsAt or endsAt <= now then
  endsAt, all, allLooseUntil = (time[1] + ARGV[1]) * 1000, 0, 0
  -- Only where it is needed: a server out of memory lets a script go on that began with freeing some.
  if window[1] then redis.call('UNLINK', key) end
  redis.call('HSET', key, 'ends', endsAt)
  redis.call('PEXPIREAT', key, endsAt + ${KEPT_MS})
end
local max, looseUntil = tonumber(ARGV[2]), now + ARGV[3]
local ahead = max - all < ${TOO_LITTLE_LEFT} and 0 or math.floor((max - all) / ${PART_OF_LEFT})
local answer = { endsAt, endsAt * 1000 - (time[1] * 1000000 + time[2]) }
for i = asks, #ARGV, 4 do
  local ownField, looseField = 'token:' .. ARGV[i], 'loose:' .. ARGV[i]
  local share, need, want = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local token = redis.call('HMGET', key, ownField, looseField)
  local own, ownLooseUntil = tonumber(token[1] or 0), tonumber(token[2] or 0)
  local left = math.min(share - own, max - all)
  local granted = 0
  if left > 0 then
    local spare = left < ${TOO_LITTLE_LEFT} and 0 or math.min(ahead, math.floor(left / ${PART_OF_LEFT}))
    granted = math.min(left, math.max(need, math.min(want, spare)))
  end
  if granted > 0 then
    ahead = math.max(0, ahead - granted)
    all = redis.call('HINCRBY', key, 'all', granted)
    own = redis.call('HINCRBY', key, ownField, granted)
  end
  if granted > need then
    allLooseUntil, ownLooseUntil = looseUntil, looseUntil
    redis.call('HSET', key, 'loose', looseUntil, looseField, looseUntil)
  end
  answer[#answer + 1] = granted
  answer[#answer + 1] = all
  answer[#answer + 1] = own
  answer[#answer + 1] = math.max(0, allLooseUntil - now)
  answer[#answer + 1] = math.max(0, ownLooseUntil - now)
end
return answer`);

/** KEYS: the endpoint's window. ARGV: the token's id. Answers with both counts and the window's end; with nothing when none is open. */
const COUNT = bareScript(`
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', 'token:' .. ARGV[1])
local time = redis.call('TIME')
if not window[1] or tonumber(window[1]) <= time[1] * 1000 + math.floor(time[2] / 1000) then return {} end
return { tonumber(window[2] or 0), tonumber(window[3] or 0), tonumber(window[1]) }`);

/** How many numbers the script answers for each token that asks. */
const NUMBERS_EACH = 5;

/**
 * Leases from Redis, on the server's time, so that all gateways share one window. Everything about one endpoint is one
 * key: a token's share and the endpoint's budget meet in one slot of Redis Cluster.
 */
export class RedisLeaseSource implements LeaseSource {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async exchange({ endpoint, returns, asks }: LeaseQuestion): Promise<readonly Grant[]> {
    const { name, max, windowSeconds } = endpoint;
    const args: (string | number)[] = [windowSeconds, max, looseMs(windowSeconds), returns.length];
    for (const { tokenId, count, resetAt } of returns) args.push(tokenId, count, resetAt);
    for (const { tokenId, share, need, want } of asks) args.push(tokenId, share, need, want);
    const reply = await this.#connection.run(EXCHANGE, [windowKey(this.#prefix, name)], args);
    const [resetAt, microseconds, ...numbers] = listFrom(reply).map(Number);
    const window = { resetAt: Number(resetAt), endsInMs: Number(microseconds) / 1000 };
    return asks.map((_, at) => ({
      ...grantFrom(numbers.slice(at * NUMBERS_EACH, (at + 1) * NUMBERS_EACH)),
      ...window,
    }));
  }

  async count(endpoint: string, tokenId: string): Promise<Counted> {
    const reply = await this.#connection.run(COUNT, [windowKey(this.#prefix, endpoint)], [tokenId]);
    const [all, own, resetAt] = listFrom(reply);
    if (resetAt === undefined) return NOTHING_COUNTED;
    return { all: Number(all), own: Number(own), resetAt: Number(resetAt) };
  }
}

function grantFrom(numbers: readonly number[]): Omit<Grant, 'resetAt' | 'endsInMs'> {
  const [granted, all, own, allLooseMs, ownLooseMs] = numbers;
  if (granted === undefined || all === undefined || own === undefined) {
    throw new TypeError('Redis answered with too few numbers');
  }
  return { granted, all, own, allLooseMs: allLooseMs ?? 0, ownLooseMs: ownLooseMs ?? 0 };
}

/** The key of an endpoint's window. The name is encoded, so that no brace in it moves the hash tag. */
export function windowKey(prefix: string, endpoint: string): string {
  return `${prefix}{l:${encodeURIComponent(endpoint)}}`;
}
