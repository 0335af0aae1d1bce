/**
 * What scripts do with the steps of a commit (`Step` in commit-step.ts) and with its preconditions, in Lua. Each part
 * stands beside the keys that it needs.
 */
import { APPEND_KEYS } from './event-scripts.ts';
import type { KeyName } from './script.ts';

/** Who holds, now, what a step wants for its record alone: their ids. */
export const HOLDER_KEYS: readonly KeyName[] = ['tokenHashes', 'userLogins', 'zoneNames'];
export const HOLDERS = `
local function holders(step)
  local ids = {}
  if step.remove then return ids end
  local function look(index, value) ids[#ids + 1] = value and redis.call('HGET', index, value) or nil end
  if step.kind == 'token' then
    look(tokenHashes, step.hash)
    look(tokenHashes, step.previousHash)
  end
  if step.kind == 'user' then look(userLogins, step.loginKey) end
  if step.kind == 'zone' then look(zoneNames, step.name) end
  return ids
end
`;

/** Finds what does not hold of the preconditions (`Precondition` in commit-plan.ts): the position of the first, or false. */
export const PRECONDITION_KEYS: readonly KeyName[] = [
  ...(['token', 'user', 'zone', 'agent', 'share', 'setting', 'tokenZones'] as const),
];
export const PRECONDITIONS = `
local function holds(condition)
  if condition.unusedZone then
    local from, to = '[' .. condition.unusedZone .. ' ', '(' .. condition.unusedZone .. '!'
    return redis.call('ZLEXCOUNT', tokenZones, from, to) == 0
  end
  local records = { token = token, user = user, zone = zone, agent = agent, share = share, setting = setting }
  local record = redis.call('HGET', records[condition.kind], condition.id)
  if condition.record == cjson.null then return not record end
  return record == condition.record
end

local function firstUnmet(conditions)
  for position, condition in ipairs(conditions) do
    if not holds(condition) then return position - 1 end
  end
  return false
end
`;

/**
 * Writes one step. What a record held before is freed only if it still holds it: another step of the same commit
 * may have taken it. Notes the hashes of the tokens concerned.
 */
export const WRITE_KEYS: readonly KeyName[] = [
  ...PRECONDITION_KEYS,
  ...HOLDER_KEYS,
  ...(['tokenIds', 'tokenOwners', 'tokenAgents', 'tokenExpiry', 'tokenUsed', 'userIds', 'shareIds'] as const),
  ...(['version', 'sealed'] as const),
  ...APPEND_KEYS,
];
export const WRITE = `
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

local function noteSecrets(record)
  note(record.hash)
  if record.previous then note(record.previous.hash) end
end

local function expiry(step)
  if not step.windowMs then return redis.call('ZREM', tokenExpiry, step.id) end
  local from = redis.call('HGET', tokenUsed, step.id) or step.createdAt
  redis.call('ZADD', tokenExpiry, from + step.windowMs, step.id)
end

-- Every zone that the record names, used or not: taking away what is not there does no harm.
local function freeZones(record, id)
  local network = record.network or {}
  for _, named in ipairs(network.include or network.exclude or {}) do
    redis.call('ZREM', tokenZones, named .. ' ' .. id)
  end
end

local function freeShare(tokenId)
  local old = before(share, tokenId)
  if old then redis.call('ZREM', shareIds, old.id .. ' ' .. tokenId) end
end

local function freeToken(old, id)
  noteSecrets(old)
  free(tokenHashes, old.hash, id)
  if old.previous then free(tokenHashes, old.previous.hash, id) end
  redis.call('ZREM', tokenOwners, old.userId .. ' ' .. id)
  if old.agentId then redis.call('ZREM', tokenAgents, old.agentId .. ' ' .. id) end
  freeZones(old, id)
end

local function indexToken(step)
  redis.call('HSET', tokenHashes, step.hash, step.id)
  if step.previousHash then redis.call('HSET', tokenHashes, step.previousHash, step.id) end
  redis.call('ZADD', tokenOwners, 0, step.userId .. ' ' .. step.id)
  if step.agentId then redis.call('ZADD', tokenAgents, 0, step.agentId .. ' ' .. step.id) end
  for _, id in ipairs(step.zones) do redis.call('ZADD', tokenZones, 0, id .. ' ' .. step.id) end
end

local write = {}

function write.token(step)
  local old = before(token, step.id)
  if old then freeToken(old, step.id) end
  if step.remove then
    redis.call('HDEL', token, step.id)
    redis.call('ZREM', tokenIds, step.id)
    redis.call('ZREM', tokenExpiry, step.id)
    redis.call('HDEL', tokenUsed, step.id)
    freeShare(step.id)
    redis.call('HDEL', share, step.id)
    return
  end
  if not old then
    if step.usedAt then redis.call('HSET', tokenUsed, step.id, step.usedAt) end
    redis.call('ZADD', tokenIds, 0, step.id)
  end
  put(token, step)
  note(step.hash)
  if step.previousHash then note(step.previousHash) end
  indexToken(step)
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
  if step.remove then
    if old then free(zoneNames, old.name, step.id) end
    return redis.call('HDEL', zone, step.id)
  end
  put(zone, step)
  redis.call('HSET', zoneNames, step.name, step.id)
end

function write.agent(step)
  if step.remove then return redis.call('HDEL', agent, step.id) end
  put(agent, step)
end

function write.share(step)
  local of = before(token, step.id)
  if of then noteSecrets(of) end
  freeShare(step.id)
  put(share, step)
  redis.call('ZADD', shareIds, 0, step.shareId .. ' ' .. step.id)
end

function write.setting(step) put(setting, step) end

function write.event(step) append(step.published, step.record) end
`;

/**
 * Tells every gateway what was written, as changes in JSON, with the version that the store has by it and when that
 * was by this server's clock. Versions are announced one by one, also where a gateway has nothing to do: by a missing
 * number it knows what it missed (docs/adr/0020).
 * ARGV: how many changes are listed at the most; the channel.
 */
export const ANNOUNCE = `
local function changesBy(steps)
  local changes, zones = {}, false
  for _, step in ipairs(steps) do
    if step.kind == 'user' or step.kind == 'agent' then changes[#changes + 1] = { of = step.kind, id = step.id } end
    if step.kind == 'zone' then zones = true end
  end
  if zones then changes[#changes + 1] = { of = 'zones' } end
  if #changes + noted > tonumber(ARGV[1]) then return { { of = 'everything' } } end
  if noted > 0 then
    local concerned = {}
    for hash in pairs(hashes) do concerned[#concerned + 1] = hash end
    changes[#changes + 1] = { of = 'tokens', hashes = concerned }
  end
  return changes
end

local function announce(steps)
  local reached, time, changes = redis.call('INCR', version), redis.call('TIME'), changesBy(steps)
  -- An empty table would be written as an object.
  local listed = #changes == 0 and '[]' or cjson.encode(changes)
  local at = '[' .. time[1] .. ',' .. time[2] .. ']'
  redis.call('PUBLISH', ARGV[2], '{"version":' .. reached .. ',"at":' .. at .. ',"changes":' .. listed .. '}')
  return listed
end
`;
