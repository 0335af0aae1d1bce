/**
 * The scripts that write what management writes. A commit is a list of steps (`Step` in commit.ts), as JSON.
 *
 * A small commit is one script. A large one would block Redis for seconds, so it is staged in parts, checked part
 * by part, sealed in one instant (from then on it will be written, whoever has to do it), and written part by
 * part. docs/store.md tells the story; docs/adr/0005 says why.
 */
import { type KeyName, script } from './script.ts';

/** Who holds, now, what a step wants for its record alone: the id, or false. */
const HOLDER_KEYS: readonly KeyName[] = ['tokenHashes', 'userLogins', 'zoneNames'];
const HOLDER = `
local function holder(step)
  if step.remove then return false end
  if step.kind == 'token' then return redis.call('HGET', tokenHashes, step.hash) end
  if step.kind == 'user' then return redis.call('HGET', userLogins, step.loginKey) end
  if step.kind == 'zone' then return redis.call('HGET', zoneNames, step.name) end
  return false
end
`;

/**
 * Writes one step. What a record held before is freed only if it still holds it: another step of the same commit
 * may have taken it. Notes the hashes of the tokens concerned.
 */
const WRITE_KEYS: readonly KeyName[] = [
  ...(['token', 'tokenHashes', 'tokenIds', 'tokenOwners', 'tokenExpiry', 'tokenUsed'] as const),
  ...(['user', 'userIds', 'userLogins', 'zone', 'zoneNames', 'agent', 'share'] as const),
  ...(['version', 'sealed'] as const),
];
const WRITE = `
local hashes, noted = {}, 0
local function note(hash)
  if noted > tonumber(ARGV[1]) or hashes[hash] then return end
  hashes[hash] = true
  noted = noted + 1
end

local function before(records, id)
  local record = redis.call('HGET', records, id)
  return record and cjson.decode(record)
end

local function free(index, value, id)
  if redis.call('HGET', index, value) == id then redis.call('HDEL', index, value) end
end

local function put(records, step) redis.call('HSET', records, step.id, step.record) end

local function expiry(step)
  if not step.windowMs then return redis.call('ZREM', tokenExpiry, step.id) end
  local from = redis.call('HGET', tokenUsed, step.id) or step.createdAt
  redis.call('ZADD', tokenExpiry, from + step.windowMs, step.id)
end

local write = {}

function write.token(step)
  local old = before(token, step.id)
  if old then
    note(old.hash)
    if old.hash ~= step.hash then free(tokenHashes, old.hash, step.id) end
    if old.userId ~= step.userId then redis.call('ZREM', tokenOwners, old.userId .. ' ' .. step.id) end
  end
  if step.remove then
    redis.call('HDEL', token, step.id)
    redis.call('ZREM', tokenIds, step.id)
    redis.call('ZREM', tokenExpiry, step.id)
    redis.call('HDEL', tokenUsed, step.id)
    redis.call('HDEL', share, step.id)
    return
  end
  note(step.hash)
  if not old then
    if step.usedAt then redis.call('HSET', tokenUsed, step.id, step.usedAt) end
    redis.call('ZADD', tokenIds, 0, step.id)
  end
  put(token, step)
  redis.call('HSET', tokenHashes, step.hash, step.id)
  redis.call('ZADD', tokenOwners, 0, step.userId .. ' ' .. step.id)
  expiry(step)
end

function write.user(step)
  local old = before(user, step.id)
  if old and old.loginKey ~= step.loginKey then free(userLogins, old.loginKey, step.id) end
  put(user, step)
  redis.call('ZADD', userIds, 0, step.id)
  redis.call('HSET', userLogins, step.loginKey, step.id)
end

function write.zone(step)
  local old = before(zone, step.id)
  if old and old.name ~= step.name then free(zoneNames, old.name, step.id) end
  if step.remove then return redis.call('HDEL', zone, step.id) end
  put(zone, step)
  redis.call('HSET', zoneNames, step.name, step.id)
end

function write.agent(step)
  if step.remove then return redis.call('HDEL', agent, step.id) end
  put(agent, step)
end

function write.share(step)
  local of = before(token, step.id)
  if of then note(of.hash) end
  put(share, step)
end
`;

/**
 * A small commit: all of it, or nothing and the position of the step that wants what another record holds.
 * ARGV: how many changes are listed at the most; the channel; the changes known before, as JSON; the steps.
 */
export const COMMIT = script(
  WRITE_KEYS,
  `${HOLDER} ${WRITE}
if redis.call('EXISTS', sealed) == 1 then return { 'sealed' } end

local steps = cjson.decode(ARGV[4])
local included = {}
for _, step in ipairs(steps) do included[step.kind .. ' ' .. step.id] = true end
for position, step in ipairs(steps) do
  local id = holder(step)
  -- A record of this commit that holds it now will not afterwards: no two steps want the same.
  if id and not included[step.kind .. ' ' .. id] then return { 'refused', position - 1 } end
end

for _, step in ipairs(steps) do write[step.kind](step) end
redis.call('INCR', version)

local changes = cjson.decode(ARGV[3])
if #changes + noted > tonumber(ARGV[1]) then
  changes = { { of = 'everything' } }
elseif noted > 0 then
  local concerned = {}
  for hash in pairs(hashes) do concerned[#concerned + 1] = hash end
  changes[#changes + 1] = { of = 'tokens', hashes = concerned }
end
if #changes == 0 then return { 'written', '[]' } end
local message = cjson.encode(changes)
redis.call('PUBLISH', ARGV[2], message)
return { 'written', message }`,
);

/**
 * Checks one part of a staged commit. KEYS after the named ones: the staged list. ARGV: which part.
 * Answers with position and holder, in turn, of each step that wants what another record holds now.
 */
export const CHECK_PART = script(
  HOLDER_KEYS,
  `${HOLDER}
local held = {}
for position, step in ipairs(cjson.decode(redis.call('LINDEX', KEYS[${HOLDER_KEYS.length + 1}], ARGV[1]))) do
  local id = holder(step)
  if id and id ~= step.id then
    held[#held + 1] = position - 1
    held[#held + 1] = id
  end
end
return held`,
);

/** Decides for a staged commit, if nothing was written since it was checked. KEYS: also the staged list. ARGV: the version then. */
export const SEAL = script(
  ['version', 'sealed'],
  `
if redis.call('EXISTS', sealed) == 1 then return 'sealed' end
if (redis.call('GET', version) or '0') ~= ARGV[1] then return 'moved' end
redis.call('RENAME', KEYS[3], sealed)
redis.call('PERSIST', sealed)
return 'done'`,
);

/**
 * Writes the next part of the sealed commit, and announces it after the last. ARGV: as for COMMIT, and the changes.
 * Answers with how many parts are left.
 */
export const WRITE_PART = script(
  WRITE_KEYS,
  `${WRITE}
local part = redis.call('LINDEX', sealed, 0)
if not part then return 0 end
for _, step in ipairs(cjson.decode(part)) do write[step.kind](step) end
-- Not before it is written: writing a part again does no harm, losing one would.
redis.call('LPOP', sealed)
local left = redis.call('LLEN', sealed)
if left == 0 then
  redis.call('INCR', version)
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return left`,
);

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
