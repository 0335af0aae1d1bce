import { ROLE_LABELS } from '../control/users/wire.ts';
import { describeZone } from '../control/zones/wire.ts';
import { newId } from '../domain/ids.ts';
import {
  type LogEvent,
  type LogParty,
  logEvent,
  tokenDebugData,
  tokenParty,
  userParty,
  zoneParty,
} from '../domain/log-event.ts';
import type { LogEventType } from '../domain/log-event-types.ts';
import { judgeSecret, mintSecret, secretIndex } from '../domain/secret.ts';
import { type Management, type Mutation, StoreConflict } from '../domain/store.ts';
import { newToken, type Token } from '../domain/token.ts';
import type { User } from '../domain/user.ts';
import type { Zone } from '../domain/zone.ts';

/** A bootstrap secret shorter than this is refused. */
const BOOTSTRAP_SECRET_CHARACTERS_MIN = 40;

/** The login of the first administrator; its uniqueness lets only one of several starting processes make it. */
const ADMINISTRATOR_LOGIN = 'admin@tollgate.local';

/** The zone of the quickstart's second token: addresses reserved for documentation (RFC 5737). */
const DEMO_NETWORK = '203.0.113.0/24';

export interface BootstrapOptions {
  readonly prefix: string;
  readonly pepper: string | null;
  /** The value of TOLLGATE_BOOTSTRAP_TOKEN, or undefined. */
  readonly secret: string | undefined;
  /** Whether to make a second token that may be used from one documentation network only, for trying out. */
  readonly demo: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Bootstrapped {
  /** The administrator's secret, when it was made here; null when it was given. To be shown once. */
  readonly administratorSecret: string | null;
  /** The secret of the token for trying out zones, or null. To be shown once. */
  readonly demoSecret: string | null;
}

/**
 * Makes the first super administrator and its token when the store holds no administrator.
 * @returns what was made, or null when there was an administrator already
 * @throws Error when the given secret cannot be a token; says what to do
 */
export async function bootstrap(store: Management, options: BootstrapOptions): Promise<Bootstrapped | null> {
  const { prefix, pepper, secret, demo, now } = options;
  if (secret !== undefined) checkBootstrapSecret(secret, prefix);
  if (await holdsAdministrator(store)) return null;

  const administratorSecret = secret ?? mintSecret(prefix);
  const user: User = {
    id: newId('00u'),
    login: ADMINISTRATOR_LOGIN,
    firstName: 'First',
    lastName: 'Administrator',
    status: 'ACTIVE',
    roles: ['SUPER_ADMIN'],
    createdAt: now,
    lastUpdatedAt: now,
  };
  const token = (name: string, ofSecret: string) =>
    newToken(name, user.id, secretIndex(ofSecret, pepper), now);
  const first = token('bootstrap', administratorSecret);
  const mutations: Mutation[] = [
    { put: 'user', user },
    told('user.lifecycle.create', now, [userParty(user)]),
    told('user.lifecycle.activate', now, [userParty(user)]),
    told('user.account.privilege.grant', now, [userParty(user)], {
      privilegeGranted: ROLE_LABELS.SUPER_ADMIN,
    }),
    { put: 'token', token: first },
    tokenMade(first, user),
  ];
  const demoSecret = demo ? mintSecret(prefix) : null;
  if (demoSecret !== null)
    mutations.push(...demoMutations(token('documentation network only', demoSecret), user));
  try {
    await store.commit(mutations);
  } catch (error) {
    // Another process that started at the same moment made the administrator.
    if (error instanceof StoreConflict && (await holdsAdministrator(store))) return null;
    throw error;
  }
  return { administratorSecret: secret === undefined ? administratorSecret : null, demoSecret };
}

function demoMutations(unbound: Token, owner: User): Mutation[] {
  const now = unbound.createdAt;
  const zone: Zone = {
    id: newId('nzo'),
    name: 'Documentation network',
    type: 'IP',
    usage: 'POLICY',
    status: 'ACTIVE',
    system: false,
    gateways: [{ type: 'CIDR', value: DEMO_NETWORK }],
    proxies: [],
    dynamic: null,
    createdAt: now,
    lastUpdatedAt: now,
  };
  const token: Token = { ...unbound, network: { connection: 'ZONE', include: [zone.id] } };
  return [
    { put: 'zone', zone },
    told('zone.create', now, [zoneParty(zone)], describeZone(zone)),
    { put: 'token', token },
    tokenMade(token, owner),
  ];
}

function tokenMade(token: Token, owner: User): Mutation {
  const targets = [tokenParty(token), userParty(owner)];
  return told('system.api_token.create', token.createdAt, targets, tokenDebugData(token, null));
}

/** The event of what nobody asked for by a request. */
function told(
  eventType: LogEventType,
  now: number,
  targets: readonly LogParty[],
  debugData: LogEvent['debugData'] = {},
): Mutation {
  const event = logEvent({
    eventType,
    actor: 'system',
    tokenId: null,
    targets,
    debugData,
    requestId: null,
    now,
  });
  return { append: 'event', event };
}

function checkBootstrapSecret(secret: string, prefix: string): void {
  if (secret.length < BOOTSTRAP_SECRET_CHARACTERS_MIN) {
    throw new Error(
      `TOLLGATE_BOOTSTRAP_TOKEN has ${secret.length} characters; at least ${BOOTSTRAP_SECRET_CHARACTERS_MIN} are needed. ` +
        'Give a longer random secret, or unset it to have one made.',
    );
  }
  if (judgeSecret(secret, prefix) === 'junk') {
    throw new Error(
      'TOLLGATE_BOOTSTRAP_TOKEN cannot be a token: use 40 to 256 characters of A-Z a-z 0-9 . _ ~ + / = -, ' +
        `not beginning with "${prefix}_" unless it was made here.`,
    );
  }
}

/** Whether somebody may manage everything. */
export async function holdsAdministrator(store: Management): Promise<boolean> {
  let after: string | null = null;
  do {
    const page = await store.users(after, 1000);
    if (page.items.some((user) => user.roles.includes('SUPER_ADMIN'))) return true;
    after = page.next;
  } while (after !== null);
  return false;
}
