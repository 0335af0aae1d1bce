import {
  type Grant,
  type LeaseRequest,
  type LeaseSource,
  looseMs,
  PART_OF_LEFT,
  type Returned,
} from '../../domain/lease.ts';
import type { Connection } from './connection.ts';
import { listFrom } from './reply.ts';
import { bareScript } from './script.ts';

/**
 * KEYS: the endpoint's window. ARGV: the token's id, its share, the endpoint's maximum, the window in seconds, need,
 * want, and for how many milliseconds a lease may come back. Grants as `leaseSize` says, on this server's time.
 * Answers with the grant, the counts after it (for everybody, for this token), the window's end in milliseconds since
 * the epoch, the microseconds until then, and for how many milliseconds either count may still go down.
 */
const TAKE = bareScript(`
local own, ownLoose = 'token:' .. ARGV[1], 'loose:' .. ARGV[1]
local share, max, need, want = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6])
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', own, 'loose', ownLoose)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local endsAt = tonumber(window[1])
if not endsAt or endsAt <= now then
  endsAt = (time[1] + ARGV[4]) * 1000
  -- Only where it is needed: a server out of memory lets a script go on that began with freeing some.
  if window[1] then redis.call('DEL', KEYS[1]) end
  redis.call('HSET', KEYS[1], 'ends', endsAt)
  redis.call('PEXPIREAT', KEYS[1], endsAt)
  window = { endsAt }
end
local all, used = tonumber(window[2] or 0), tonumber(window[3] or 0)
local allLooseUntil, ownLooseUntil = tonumber(window[4] or 0), tonumber(window[5] or 0)
local left = math.min(share - used, max - all)
local granted = 0
if left > 0 then
  granted = math.min(left, math.max(need, math.min(want, math.floor(left / ${PART_OF_LEFT}))))
end
if granted > 0 then
  all = redis.call('HINCRBY', KEYS[1], 'all', granted)
  used = redis.call('HINCRBY', KEYS[1], own, granted)
end
if granted > need then
  allLooseUntil, ownLooseUntil = now + ARGV[7], now + ARGV[7]
  redis.call('HSET', KEYS[1], 'loose', allLooseUntil, ownLoose, ownLooseUntil)
end
local microseconds = endsAt * 1000 - (time[1] * 1000000 + time[2])
return { granted, all, used, endsAt, microseconds, math.max(0, allLooseUntil - now), math.max(0, ownLooseUntil - now) }`);

/** KEYS: the endpoint's window. ARGV: the token's id, how many requests, the end of the window they were taken from. */
const GIVE_BACK = bareScript(`
local own, count = 'token:' .. ARGV[1], tonumber(ARGV[2])
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', own)
if tonumber(window[1]) ~= tonumber(ARGV[3]) then return end
-- After a failover some may never have been counted here.
if tonumber(window[2] or 0) < count or tonumber(window[3] or 0) < count then return end
redis.call('HINCRBY', KEYS[1], 'all', -count)
redis.call('HINCRBY', KEYS[1], own, -count)`);

/**
 * Leases from Redis, one script a lease, on the server's time, so that all gateways share one window. Everything
 * about one endpoint is one key: a token's share and the endpoint's budget meet in one slot of Redis Cluster.
 */
export class RedisLeaseSource implements LeaseSource {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async take({ endpoint, tokenId, share, need, want }: LeaseRequest): Promise<Grant> {
    const { name, max, windowSeconds } = endpoint;
    const args = [tokenId, share, max, windowSeconds, need, want, looseMs(windowSeconds)];
    const reply = await this.#connection.run(TAKE, [windowKey(this.#prefix, name)], args);
    const [granted, all, own, resetAt, microseconds, allLoose, ownLoose] = listFrom(reply);
    return {
      granted: Number(granted),
      all: Number(all),
      own: Number(own),
      resetAt: Number(resetAt),
      endsInMs: Number(microseconds) / 1000,
      allLooseMs: Number(allLoose),
      ownLooseMs: Number(ownLoose),
    };
  }

  async giveBack({ endpoint, tokenId, count, resetAt }: Returned): Promise<void> {
    await this.#connection.run(GIVE_BACK, [windowKey(this.#prefix, endpoint)], [tokenId, count, resetAt]);
  }
}

/** The key of an endpoint's window. The name is encoded, so that no brace in it moves the hash tag. */
export function windowKey(prefix: string, endpoint: string): string {
  return `${prefix}{l:${encodeURIComponent(endpoint)}}`;
}
