import {
  READY_PART,
  SLOT_LEASE_MS,
  type SlotGrant,
  type SlotSource,
  type SlotStatement,
} from '../../domain/slot-lease.ts';
import type { UnderWay } from '../../domain/slot-ledger.ts';
import type { Connection } from './connection.ts';
import { listFrom } from './reply.ts';
import { bareScript } from './script.ts';

/**
 * What other gateways than ARGV[1] hold, in `all` and `own`. A gateway's field holds when that lapses, the number of
 * its statement, and the slots of each token.
 */
const HELD_BY_OTHERS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all, own, before = 0, {}, nil
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local holding = cjson.decode(fields[i + 1])
  if fields[i] == ARGV[1] then before = holding
  elseif holding.lapses <= now then redis.call('HDEL', KEYS[1], fields[i])
  else
    for token, size in pairs(holding.slots) do
      all = all + size
      own[token] = (own[token] or 0) + size
    end
  end
end`;

/**
 * KEYS: the endpoint's slots. ARGV: the gateway, the number of its statement, the maximum; then for each token its id,
 * its share, keep, need and want. Grants as `slotsGranted` says, on this server's time. Answers with what everybody
 * holds; then for each token what this gateway and what everybody holds for it. With nothing when a later statement
 * came before.
 */
const STATE = bareScript(`${HELD_BY_OTHERS}
if before and before.sequence >= tonumber(ARGV[2]) then return {} end
for i = 4, #ARGV, 5 do
  local keep = tonumber(ARGV[i + 2])
  all = all + keep
  own[ARGV[i]] = (own[ARGV[i]] or 0) + keep
end
local max, slots, some, answer = tonumber(ARGV[3]), {}, false, { 0 }
for i = 4, #ARGV, 5 do
  local token, share, size = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local left = math.min(share - own[token], max - all)
  if left > 0 then
    local need, want = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
    local granted = math.min(left, math.max(need, math.min(want, math.floor(left / ${READY_PART}))))
    all = all + granted
    own[token] = own[token] + granted
    size = size + granted
  end
  if size > 0 then
    slots[token] = size
    some = true
  end
  answer[#answer + 1] = size
  answer[#answer + 1] = own[token]
end
answer[1] = all
if some then
  local holding = { lapses = now + ${SLOT_LEASE_MS}, sequence = tonumber(ARGV[2]), slots = slots }
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(holding))
  redis.call('PEXPIRE', KEYS[1], ${SLOT_LEASE_MS})
elseif before then redis.call('HDEL', KEYS[1], ARGV[1])
end
return answer`);

/** KEYS: the endpoint's slots. ARGV: nobody, the token's id. Answers with what everybody holds, and holds for it. */
const COUNT = bareScript(`${HELD_BY_OTHERS}
return { all, own[ARGV[2]] or 0 }`);

/** Slots leased from Redis, on the server's time. Everything about one endpoint is one key, beside that of its window. */
export class RedisSlotSource implements SlotSource {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async state({ endpoint, max, gateway, sequence, claims }: SlotStatement): Promise<SlotGrant | null> {
    const each = claims.flatMap(({ tokenId, share, keep, need, want }) => [tokenId, share, keep, need, want]);
    const args = [gateway, sequence, max, ...each];
    const reply = await this.#connection.run(STATE, [slotsKey(this.#prefix, endpoint)], args);
    const [all, ...numbers] = listFrom(reply).map(Number);
    if (all === undefined) return null;
    return {
      all,
      claims: claims.map((_, i) => ({ size: numbers[i * 2] ?? 0, own: numbers[i * 2 + 1] ?? 0 })),
    };
  }

  async count(endpoint: string, tokenId: string): Promise<UnderWay> {
    const reply = await this.#connection.run(COUNT, [slotsKey(this.#prefix, endpoint)], ['', tokenId]);
    const [all, own] = listFrom(reply).map(Number);
    return { all: all ?? 0, own: own ?? 0 };
  }
}

/** The key of an endpoint's slots. The name is encoded, so that no brace in it moves the hash tag. */
export function slotsKey(prefix: string, endpoint: string): string {
  return `${prefix}{l:${encodeURIComponent(endpoint)}}:slots`;
}
