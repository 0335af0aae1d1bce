/** The scripts that read tokens and users: one round trip each, whatever has to be joined. */
import { bareScript, type KeyName, type Script, script } from './script.ts';

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

/** The clock of the server of that key: seconds since the epoch, and microseconds. */
export const TIME = bareScript(`return redis.call('TIME')`);

/** Where the server stands: the name of its history of writes, as INFO has it, and how many commits there were. */
const STANDING_BODY = (version: string) =>
  `return { redis.call('INFO', 'replication'), redis.call('GET', ${version}) }`;
export const STANDING = script(['version'], STANDING_BODY('version'));
/** The same on a connection of which it is not known yet whose data it leads to. KEYS: the version's. */
export const BARE_STANDING = bareScript(STANDING_BODY('KEYS[1]'));

/** ARGV: the record's id. */
export const RECORD = {
  user: record('user'),
  zone: record('zone'),
  agent: record('agent'),
  share: record('share'),
  setting: record('setting'),
};

/** Every record of that kind; there are few. */
export const RECORDS = { zone: records('zone'), agent: records('agent') };

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

export const TOKENS_OF_USER = tokensUnder('tokenOwners');
export const TOKENS_OF_AGENT = tokensUnder('tokenAgents');
export const TOKENS_OF_ZONE = tokensUnder('tokenZones');

/** ARGV: milliseconds since the epoch; how many. */
export const TOKENS_EXPIRING = script(
  [...CREDENTIAL_KEYS, 'tokenExpiry'],
  `${CREDENTIAL}
return credentials(redis.call('ZRANGE', tokenExpiry, '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2]))`,
);

/** ARGV: the share's id. The set holds `share token`, as those of tokens under something. */
export const SHARE_BY_ID = script(
  ['shareIds', 'share'],
  `
local entry = redis.call('ZRANGE', shareIds, '[' .. ARGV[1] .. ' ', '(' .. ARGV[1] .. '!', 'BYLEX')[1]
return entry and redis.call('HGET', share, string.sub(entry, #ARGV[1] + 2))`,
);

export const SHARES = script(
  ['shareIds', 'share'],
  `
-- What follows an id in the set sorts before this character, and every other id behind it.
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1] .. '!'
local found = {}
for _, entry in ipairs(redis.call('ZRANGE', shareIds, from, '+', 'BYLEX', 'LIMIT', 0, ARGV[2])) do
  local space = string.find(entry, ' ', 1, true)
  found[#found + 1] = redis.call('HGET', share, string.sub(entry, space + 1)) or nil
end
return found`,
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

function record(of: KeyName): Script {
  return script([of], `return redis.call('HGET', ${of}, ARGV[1])`);
}

function records(of: KeyName): Script {
  return script([of], `return redis.call('HVALS', ${of})`);
}

/**
 * The tokens under a user, agent or zone. ARGV: its id; how many; the token to begin after, if any. The set holds `id token`, and a space sorts before
 * every character of an id.
 */
function tokensUnder(index: KeyName): Script {
  const body = `${CREDENTIAL}
local ids = {}
local from, to = '(' .. ARGV[1] .. ' ' .. (ARGV[3] or ''), '(' .. ARGV[1] .. '!'
for _, entry in ipairs(redis.call('ZRANGE', ${index}, from, to, 'BYLEX', 'LIMIT', 0, ARGV[2])) do
  ids[#ids + 1] = string.sub(entry, #ARGV[1] + 2)
end
return credentials(ids)`;
  return script([...CREDENTIAL_KEYS, index], body);
}

/** Finds a record by a unique value. ARGV: the value. */
function through(index: KeyName, records: KeyName): Script {
  const body = `
local id = redis.call('HGET', ${index}, ARGV[1])
return id and redis.call('HGET', ${records}, id)`;
  return script([index, records], body);
}
