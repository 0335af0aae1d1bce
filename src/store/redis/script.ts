import { createHash } from 'node:crypto';

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
  sealed: 'sealed',
};

export type KeyName = keyof typeof MANAGEMENT_KEYS;

/** A Lua script over keys of management; each is a local variable of that name in it. */
export interface Script {
  readonly keys: readonly KeyName[];
  readonly lua: string;
  readonly sha: string;
}

/** The key in Redis that holds the records or index of that name. */
export function managementKey(prefix: string, name: KeyName): string {
  return `${prefix}{m}:${MANAGEMENT_KEYS[name]}`;
}

/** Makes a script of its body, before which its keys are named in their order. */
export function script(keys: readonly KeyName[], body: string): Script {
  const names = keys.map((name, index) => `local ${name} = KEYS[${index + 1}]`);
  return luaScript(keys, `${names.join('\n')}\n${body}`);
}

/** Makes a script that is given its keys as they are in Redis. */
export function bareScript(lua: string): Script {
  return luaScript([], lua);
}

function luaScript(keys: readonly KeyName[], lua: string): Script {
  // Redis knows scripts by their SHA-1 (EVALSHA).
  return { keys, lua, sha: createHash('sha1').update(lua).digest('hex') };
}
