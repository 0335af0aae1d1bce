import { createHash } from 'node:crypto';
import type { RedisCommander } from 'ioredis';

/**
 * What management changes together lies in one slot of Redis Cluster: every key has the hash tag `{m}`. The names
 * are those that the scripts use; docs/store.md says what each key holds.
 */
const MANAGEMENT_KEYS = {
  token: 'token',
  tokenHashes: 'token-hashes',
  tokenIds: 'token-ids',
  tokenOwners: 'token-owners',
  tokenAgents: 'token-agents',
  tokenZones: 'token-zones',
  tokenExpiry: 'token-expiry',
  tokenUsed: 'token-used',
  user: 'user',
  userIds: 'user-ids',
  userLogins: 'user-logins',
  zone: 'zone',
  zoneNames: 'zone-names',
  agent: 'agent',
  share: 'share',
  shareIds: 'share-ids',
  setting: 'setting',
  events: 'events',
  eventTimes: 'event-times',
  told: 'told',
  version: 'version',
  identity: 'identity',
  sealed: 'sealed',
};

/** The slot of `{m}` in Redis Cluster, as CLUSTER KEYSLOT tells it. */
export const MANAGEMENT_SLOT = 15_627;

export type KeyName = keyof typeof MANAGEMENT_KEYS;

/** A Lua script over keys of management; each is a local variable of that name in it. */
export interface Script {
  readonly keys: readonly KeyName[];
  /** Whether it runs only on the data that this process knows: it is given the identity's key and value last. */
  readonly guarded: boolean;
  readonly lua: string;
  readonly sha: string;
}

/** The key in Redis that holds the records or index of that name. */
export function managementKey(prefix: string, name: KeyName): string {
  return `${prefix}{m}:${MANAGEMENT_KEYS[name]}`;
}

/** How the error begins with which a script refuses to run on other data. */
export const GONE = 'GONE';

/** A database that was emptied, or is another, has not one record less: it has no answer (docs/adr/0011). */
const GUARD = `
local identity = table.remove(ARGV)
if redis.call('GET', table.remove(KEYS)) ~= identity then return redis.error_reply('${GONE} the data is not there') end
`;

/** Makes a script of its body, before which its keys are named in their order. */
export function script(keys: readonly KeyName[], body: string): Script {
  const names = keys.map((name, index) => `local ${name} = KEYS[${index + 1}]`);
  return luaScript(keys, `${GUARD}${names.join('\n')}\n${body}`, true);
}

/** Makes a script that is given its keys as they are in Redis. */
export function bareScript(lua: string): Script {
  return luaScript([], lua, false);
}

function luaScript(keys: readonly KeyName[], lua: string, guarded: boolean): Script {
  // Redis knows scripts by their SHA-1 (EVALSHA).
  return { keys, guarded, lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Runs a script by its hash, and sends its text only where the server does not know it (yet, or any more). */
export async function runScript(
  redis: RedisCommander,
  { sha, lua }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return redis.eval(lua, keys.length, ...keys, ...args);
  }
}
