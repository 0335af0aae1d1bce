/**
 * The scripts that write what management writes. A commit is a list of steps (`Step` in commit.ts), as JSON.
 *
 * A small commit is one script. A large one would block Redis for seconds, so it is staged in parts, checked part
 * by part, sealed in one instant (from then on it will be written, whoever has to do it), and written part by
 * part. docs/store.md tells the story; docs/adr/0005 says why.
 */
import { type KeyName, script } from './script.ts';

/** Who holds, now, what a step wants for its record alone: their ids. */
const HOLDER_KEYS: readonly KeyName[] = ['tokenHashes', 'userLogins', 'zoneNames'];
const HOLDERS = `
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
const PRECONDITION_KEYS: readonly KeyName[] = [
  ...(['token', 'user', 'zone', 'agent', 'share', 'setting', 'tokenZones'] as const),
];
const PRECONDITIONS = `
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

/** Appends an event at this server's time, and indexes it by when it happened. */
const APPEND_KEYS: readonly KeyName[] = ['events', 'eventTimes'];
const APPEND = `
local function append(published, record)
  local ms, sequence = string.match(redis.call('XADD', events, '*', 'event', record), '(%d+)-(%d+)')
  redis.call('ZADD', eventTimes, 0, string.format('%015d_%015d_%09d', published, ms, sequence))
end
`;

/**
 * Writes one step. What a record held before is freed only if it still holds it: another step of the same commit
 * may have taken it. Notes the hashes of the tokens concerned.
 */
const WRITE_KEYS: readonly KeyName[] = [
  ...PRECONDITION_KEYS,
  ...HOLDER_KEYS,
  ...(['tokenIds', 'tokenOwners', 'tokenAgents', 'tokenExpiry', 'tokenUsed', 'userIds', 'shareIds'] as const),
  ...(['version', 'sealed'] as const),
  ...APPEND_KEYS,
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
const ANNOUNCE = `
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

/**
 * A small commit: all of it, or nothing and the position of what keeps it from being written: of a precondition
 * that does not hold, or of the step that wants what another record holds.
 * ARGV: as for ANNOUNCE; the steps and the preconditions, each as JSON.
 */
export const COMMIT = script(
  WRITE_KEYS,
  `${HOLDERS} ${PRECONDITIONS} ${APPEND} ${WRITE} ${ANNOUNCE}
if redis.call('EXISTS', sealed) == 1 then return { 'sealed' } end

local missed = firstUnmet(cjson.decode(ARGV[4]))
if missed then return { 'unmet', missed } end

local steps = cjson.decode(ARGV[3])
local included = {}
for _, step in ipairs(steps) do included[step.kind .. ' ' .. step.id] = true end
for position, step in ipairs(steps) do
  for _, id in ipairs(holders(step)) do
    -- A record of this commit that holds it now will not afterwards: no two steps want the same.
    if not included[step.kind .. ' ' .. id] then return { 'refused', position - 1 } end
  end
end

for _, step in ipairs(steps) do write[step.kind](step) end
return { 'written', announce(steps) }`,
);

/**
 * Puts a part of a large commit behind those that are staged. In one with when they expire: a writer that dies, or
 * hears no answer, must not leave them for good. KEYS: the staged list. ARGV: the part; in how many milliseconds.
 */
export const STAGE = script(
  [],
  `
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
);

/**
 * Checks one part of a staged commit. KEYS after the named ones: the staged list. ARGV: which part.
 * Answers with position and holder, in turn, of each step that wants what another record holds now.
 */
export const CHECK_PART = script(
  HOLDER_KEYS,
  `${HOLDERS}
local held = {}
for position, step in ipairs(cjson.decode(redis.call('LINDEX', KEYS[${HOLDER_KEYS.length + 1}], ARGV[1]))) do
  for _, id in ipairs(holders(step)) do
    if id ~= step.id then
      held[#held + 1] = position - 1
      held[#held + 1] = id
    end
  end
end
return held`,
);

/** The position of the first precondition that does not hold, or null. ARGV: some preconditions, as JSON. */
export const CHECK_PRECONDITIONS = script(
  PRECONDITION_KEYS,
  `${PRECONDITIONS} return firstUnmet(cjson.decode(ARGV[1]))`,
);

/**
 * Decides for a staged commit, if nothing was written since it was checked, and if all of it is there: a failover may
 * have lost a part. KEYS: also the staged list. ARGV: the version then; how many parts there are.
 */
export const SEAL = script(
  ['version', 'sealed'],
  `
if redis.call('EXISTS', sealed) == 1 then return 'sealed' end
if (redis.call('GET', version) or '0') ~= ARGV[1] then return 'moved' end
if redis.call('LLEN', KEYS[3]) ~= tonumber(ARGV[2]) then return 'lost' end
redis.call('RENAME', KEYS[3], sealed)
redis.call('PERSIST', sealed)
return 'done'`,
);

/**
 * Writes the next part of the sealed commit, and announces it: who reads sees it from now on. ARGV: as for ANNOUNCE.
 * Answers with how many parts are left.
 */
export const WRITE_PART = script(
  WRITE_KEYS,
  `${APPEND} ${WRITE} ${ANNOUNCE}
local part = redis.call('LINDEX', sealed, 0)
if not part then return 0 end
local steps = cjson.decode(part)
for _, step in ipairs(steps) do write[step.kind](step) end
-- Not before it is written: writing a part again does no harm, losing one would.
redis.call('LPOP', sealed)
announce(steps)
return redis.call('LLEN', sealed)`,
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

/**
 * Appends events that many processes may have seen. ARGV: a JSON list of `{ key, until, published, record }`. An
 * event is left out while one with its key holds.
 */
export const REPORT = script(
  [...APPEND_KEYS, 'told'],
  `${APPEND}
for _, report in ipairs(cjson.decode(ARGV[1])) do
  redis.call('ZREMRANGEBYSCORE', told, '-inf', report.published)
  if redis.call('ZADD', told, 'NX', report['until'], report.key) == 1 then append(report.published, report.record) end
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

/** Removes some of the events that happened before a moment. ARGV: that moment, as in the index; how many. Answers with how many there were. */
export const PURGE_EVENTS = script(
  APPEND_KEYS,
  `
local entries = redis.call('ZRANGE', eventTimes, '-', '(' .. ARGV[1], 'BYLEX', 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(entries) do
  local ms, sequence = string.match(entry, '_0*(%d+)_0*(%d+)$')
  redis.call('XDEL', events, ms .. '-' .. sequence)
  redis.call('ZREM', eventTimes, entry)
end
return #entries`,
);
