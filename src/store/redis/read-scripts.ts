/** The scripts that read tokens and users: one round trip each, whatever has to be joined. */
import { type KeyName, type Script, script } from './script.ts';

const CREDENTIAL_KEYS: readonly KeyName[] = ['token', 'tokenUsed', 'user', 'agent', 'share'];

/** What `StoredCredential` names, in that order; false, which becomes null, where there is none. */
const CREDENTIAL = `
local function credential(id)
  local record = id and redis.call('HGET', token, id)
  if not record then return false end
  local read = cjson.decode(record)
  return {
    id,
    record,
    redis.call('HGET', tokenUsed, id),
    redis.call('HGET', user, read.userId),
    read.agentId and redis.call('HGET', agent, read.agentId) or false,
    redis.call('HGET', share, id),
  }
end

local function credentials(ids)
  local found = {}
  for _, id in ipairs(ids) do found[#found + 1] = credential(id) or nil end
  return found
end
`;

/** ARGV: the secret's index. */
export const FIND_BY_HASH = script(
  [...CREDENTIAL_KEYS, 'tokenHashes'],
  `${CREDENTIAL} return credential(redis.call('HGET', tokenHashes, ARGV[1]))`,
);

/** ARGV: the token's id. */
export const TOKEN = script(CREDENTIAL_KEYS, `${CREDENTIAL} return credential(ARGV[1])`);

/** ARGV: secrets' indexes. Answers in their order. */
export const TOKENS_BY_HASH = script(
  [...CREDENTIAL_KEYS, 'tokenHashes'],
  `${CREDENTIAL}
local found = {}
for i, hash in ipairs(ARGV) do found[i] = credential(redis.call('HGET', tokenHashes, hash)) end
return found`,
);

/** ARGV: tokens' ids. Answers in their order. */
export const TOKENS_BY_ID = script(
  CREDENTIAL_KEYS,
  `${CREDENTIAL}
local found = {}
for i, id in ipairs(ARGV) do found[i] = credential(id) end
return found`,
);

/** Answers with a page of ids from a set in which all scores are 0. ARGV: the id to begin after, or the empty string; how many. */
const PAGE = `
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local function page(ids) return redis.call('ZRANGE', ids, from, '+', 'BYLEX', 'LIMIT', 0, ARGV[2]) end
`;

export const TOKENS = script(
  [...CREDENTIAL_KEYS, 'tokenIds'],
  `${CREDENTIAL} ${PAGE} return credentials(page(tokenIds))`,
);

export const USERS = script(
  ['user', 'userIds'],
  `${PAGE}
local found = {}
for _, id in ipairs(page(userIds)) do found[#found + 1] = redis.call('HGET', user, id) or nil end
return found`,
);

/** ARGV: the user's id. The set holds `user token`, and a space sorts before every character of an id. */
export const TOKENS_OF_USER = script(
  [...CREDENTIAL_KEYS, 'tokenOwners'],
  `${CREDENTIAL}
local ids = {}
for _, entry in ipairs(redis.call('ZRANGE', tokenOwners, '[' .. ARGV[1] .. ' ', '(' .. ARGV[1] .. '!', 'BYLEX')) do
  ids[#ids + 1] = string.sub(entry, #ARGV[1] + 2)
end
return credentials(ids)`,
);

/** ARGV: milliseconds since the epoch; how many. */
export const TOKENS_EXPIRING = script(
  [...CREDENTIAL_KEYS, 'tokenExpiry'],
  `${CREDENTIAL}
return credentials(redis.call('ZRANGE', tokenExpiry, '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2]))`,
);

/** ARGV: login keys. Answers in their order. */
export const USERS_BY_LOGIN = script(
  ['userLogins', 'user'],
  `local found = {}
for i, key in ipairs(ARGV) do
  local id = redis.call('HGET', userLogins, key)
  found[i] = id and redis.call('HGET', user, id)
end
return found`,
);

export const USER_BY_LOGIN = through('userLogins', 'user');
export const ZONE_BY_NAME = through('zoneNames', 'zone');

/** Finds a record by a unique value. ARGV: the value. */
function through(index: KeyName, records: KeyName): Script {
  const body = `
local id = redis.call('HGET', ${index}, ARGV[1])
return id and redis.call('HGET', ${records}, id)`;
  return script([index, records], body);
}
