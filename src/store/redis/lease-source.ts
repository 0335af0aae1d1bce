import {
  type Grant,
  type LeaseRequest,
  type LeaseSource,
  looseMs,
  PART_OF_LEFT,
  type Returned,
} from '../../domain/lease.ts';
import { type Counted, NOTHING_COUNTED } from '../../domain/limit-ledger.ts';
import type { Connection } from './connection.ts';
import { listFrom } from './reply.ts';
import { bareScript } from './script.ts';

/**
 * KEYS: the endpoint's window. ARGV: its length in seconds, the endpoint's maximum, and for how many milliseconds a
 * lease may come back; then for each token its id, its share, need and want. Grants one after the other as `leaseSize`
 * says, on this server's time. Answers with the window's end in milliseconds since the epoch and the microseconds until
 * then; then for each token the grant, the counts after it (for everybody, for this token), and for how many
 * milliseconds either count may still go down.
 */
const TAKE = bareScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', 'loose')
local endsAt = tonumber(window[1])
if not endsAt or endsAt <= now then
  endsAt = (time[1] + ARGV[1]) * 1000
  -- Only where it is needed: a server out of memory lets a script go on that began with freeing some.
  if window[1] then redis.call('DEL', KEYS[1]) end
  redis.call('HSET', KEYS[1], 'ends', endsAt)
  redis.call('PEXPIREAT', KEYS[1], endsAt)
  window = { endsAt }
end
local max, all, allLooseUntil = tonumber(ARGV[2]), tonumber(window[2] or 0), tonumber(window[3] or 0)
local answer = { endsAt, endsAt * 1000 - (time[1] * 1000000 + time[2]) }
for i = 4, #ARGV, 4 do
  local ownField, looseField = 'token:' .. ARGV[i], 'loose:' .. ARGV[i]
  local share, need, want = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local token = redis.call('HMGET', KEYS[1], ownField, looseField)
  local own, ownLooseUntil = tonumber(token[1] or 0), tonumber(token[2] or 0)
  local left = math.min(share - own, max - all)
  local granted = 0
  if left > 0 then
    granted = math.min(left, math.max(need, math.min(want, math.floor(left / ${PART_OF_LEFT}))))
  end
  if granted > 0 then
    all = redis.call('HINCRBY', KEYS[1], 'all', granted)
    own = redis.call('HINCRBY', KEYS[1], ownField, granted)
  end
  if granted > need then
    allLooseUntil, ownLooseUntil = now + ARGV[3], now + ARGV[3]
    redis.call('HSET', KEYS[1], 'loose', allLooseUntil, looseField, ownLooseUntil)
  end
  answer[#answer + 1] = granted
  answer[#answer + 1] = all
  answer[#answer + 1] = own
  answer[#answer + 1] = math.max(0, allLooseUntil - now)
  answer[#answer + 1] = math.max(0, ownLooseUntil - now)
end
return answer`);

/** KEYS: the endpoint's window. ARGV: the token's id, how many requests, the end of the window they were taken from. */
const GIVE_BACK = bareScript(`
local own, count = 'token:' .. ARGV[1], tonumber(ARGV[2])
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', own)
if tonumber(window[1]) ~= tonumber(ARGV[3]) then return end
-- After a failover some may never have been counted here.
if tonumber(window[2] or 0) < count or tonumber(window[3] or 0) < count then return end
redis.call('HINCRBY', KEYS[1], 'all', -count)
redis.call('HINCRBY', KEYS[1], own, -count)`);

/** KEYS: the endpoint's window. ARGV: the token's id. Answers with both counts and the window's end; with nothing when none is open. */
const COUNT = bareScript(`
local window = redis.call('HMGET', KEYS[1], 'ends', 'all', 'token:' .. ARGV[1])
local time = redis.call('TIME')
if not window[1] or tonumber(window[1]) <= time[1] * 1000 + math.floor(time[2] / 1000) then return {} end
return { tonumber(window[2] or 0), tonumber(window[3] or 0), tonumber(window[1]) }`);

/** Tokens asked for by one script at the most, so that it blocks Redis for less than a millisecond. */
const TOKENS_AT_ONCE = 100;

/** One token's question, and who waits for the answer. */
interface Question {
  readonly request: LeaseRequest;
  readonly answer: (grant: Grant) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Leases from Redis, on the server's time, so that all gateways share one window. Everything about one endpoint is one
 * key: a token's share and the endpoint's budget meet in one slot of Redis Cluster. What several tokens ask of one
 * endpoint in one turn of the event loop is one script.
 */
export class RedisLeaseSource implements LeaseSource {
  readonly #connection: Connection;
  readonly #prefix: string;
  /** What this turn of the event loop has asked so far, by endpoint and its limits. */
  #questions = new Map<string, Question[]>();

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  take(request: LeaseRequest): Promise<Grant> {
    const { name, max, windowSeconds } = request.endpoint;
    const together = `${max} ${windowSeconds} ${name}`;
    return new Promise((answer, fail) => {
      if (this.#questions.size === 0) setImmediate(() => this.#askAll());
      const questions = this.#questions.get(together);
      if (questions === undefined) this.#questions.set(together, [{ request, answer, fail }]);
      else questions.push({ request, answer, fail });
    });
  }

  async giveBack({ endpoint, tokenId, count, resetAt }: Returned): Promise<void> {
    await this.#connection.run(GIVE_BACK, [windowKey(this.#prefix, endpoint)], [tokenId, count, resetAt]);
  }

  async count(endpoint: string, tokenId: string): Promise<Counted> {
    const reply = await this.#connection.run(COUNT, [windowKey(this.#prefix, endpoint)], [tokenId]);
    const [all, own, resetAt] = listFrom(reply);
    if (resetAt === undefined) return NOTHING_COUNTED;
    return { all: Number(all), own: Number(own), resetAt: Number(resetAt) };
  }

  #askAll(): void {
    const asked = this.#questions;
    this.#questions = new Map();
    for (const questions of asked.values()) {
      for (let from = 0; from < questions.length; from += TOKENS_AT_ONCE) {
        const some = questions.slice(from, from + TOKENS_AT_ONCE);
        this.#ask(some).catch((error: unknown) => {
          for (const { fail } of some) fail(error);
        });
      }
    }
  }

  /** @param questions about one endpoint and the same limits of it */
  async #ask(questions: readonly Question[]): Promise<void> {
    const [first] = questions;
    if (first === undefined) return;
    const { name, max, windowSeconds } = first.request.endpoint;
    const args = [windowSeconds, max, looseMs(windowSeconds)];
    const each = questions.flatMap(({ request: { tokenId, share, need, want } }) => [
      tokenId,
      share,
      need,
      want,
    ]);
    const reply = await this.#connection.run(TAKE, [windowKey(this.#prefix, name)], [...args, ...each]);
    const [resetAt, microseconds, ...numbers] = listFrom(reply).map(Number);
    const window = { resetAt: Number(resetAt), endsInMs: Number(microseconds) / 1000 };
    for (const [i, { answer }] of questions.entries())
      answer({ ...grantFrom(numbers.slice(i * 5)), ...window });
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
