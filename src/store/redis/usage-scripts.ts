/** The scripts for when, and how often, tokens are used. */
import { script } from './script.ts';

/** ARGV: a JSON list of token ids and times of use in turn. Moves last uses forward, and the expiry with them. */
export const TOUCH = script(
  ['token', 'tokenUsed', 'tokenExpiry'],
  `
local touches = cjson.decode(ARGV[1])
for i = 1, #touches, 2 do
  local id, usedAt = touches[i], touches[i + 1]
  local last = redis.call('HGET', tokenUsed, id)
  local record = (not last or tonumber(last) < usedAt) and redis.call('HGET', token, id)
  if record then
    redis.call('HSET', tokenUsed, id, usedAt)
    -- XX: a revoked token is not in the set, and stays out.
    redis.call('ZADD', tokenExpiry, 'XX', usedAt + cjson.decode(record).windowSeconds * 1000, id)
  end
end`,
);

/**
 * Adds to the requests of an hour. KEYS after the named one: the hour's set. ARGV: under what the count is told once,
 * its moment, until when it is remembered; how many tokens are kept, for how long in milliseconds; a JSON list of
 * token ids and requests in turn.
 */
export const COUNT = script(
  ['told'],
  `
redis.call('ZREMRANGEBYSCORE', told, '-inf', ARGV[2])
if redis.call('ZADD', told, 'NX', ARGV[3], ARGV[1]) == 0 then return end
local hour, counts = KEYS[2], cjson.decode(ARGV[6])
for i = 1, #counts, 2 do redis.call('ZADD', hour, 'INCR', counts[i + 1], counts[i]) end
local least = redis.call('ZRANGE', hour, 0, -1 - ARGV[4])
if #least > 0 then redis.call('ZREM', hour, unpack(least)) end
redis.call('PEXPIRE', hour, ARGV[5])`,
);

/** KEYS: the sets of some hours. ARGV: how many tokens. Answers with token ids and their requests in turn, the busiest first. */
export const BUSIEST_TOKENS = script(
  [],
  `
local sums, ids = {}, {}
for _, hour in ipairs(KEYS) do
  local entries = redis.call('ZRANGE', hour, 0, -1, 'WITHSCORES')
  for i = 1, #entries, 2 do
    local id = entries[i]
    if not sums[id] then ids[#ids + 1] = id end
    sums[id] = (sums[id] or 0) + tonumber(entries[i + 1])
  end
end
table.sort(ids, function(a, b)
  if sums[a] ~= sums[b] then return sums[a] > sums[b] end
  return a < b
end)
local found = {}
for i = 1, math.min(#ids, tonumber(ARGV[1])) do
  found[#found + 1] = ids[i]
  found[#found + 1] = sums[ids[i]]
end
return found`,
);
