import { newId } from '../../src/domain/ids.ts';
import { ANYWHERE } from '../../src/domain/network-condition.ts';
import { secretIndex } from '../../src/domain/secret.ts';
import type { Management } from '../../src/domain/store.ts';
import { type Credential, DEFAULT_TOKEN_WINDOW_SECONDS, type Token } from '../../src/domain/token.ts';
import type { User } from '../../src/domain/user.ts';
import type { Zone } from '../../src/domain/zone.ts';

/** The network that the load says it comes from. */
const CALLERS = '203.0.113.0/24';

/** Puts a user with a token of that secret into the store, and a zone; the token may be bound to it. */
export async function addRecords(store: Management, secret: string, bound: boolean): Promise<Credential> {
  const now = Date.now();
  const stamps = { createdAt: now, lastUpdatedAt: now };
  const owner: User = {
    id: newId('00u'),
    login: 'bench@example.com',
    firstName: 'Bench',
    lastName: 'Mark',
    status: 'ACTIVE',
    roles: ['SUPER_ADMIN'],
    ...stamps,
  };
  const zone: Zone = {
    id: newId('nzo'),
    name: 'Callers',
    type: 'IP',
    usage: 'POLICY',
    status: 'ACTIVE',
    system: false,
    gateways: [{ type: 'CIDR', value: CALLERS }],
    proxies: [],
    dynamic: null,
    ...stamps,
  };
  const token: Token = {
    id: newId('00T'),
    name: 'bench',
    hash: secretIndex(secret, null),
    userId: owner.id,
    clientName: 'Okta API',
    agentId: null,
    network: bound ? { connection: 'ZONE', include: [zone.id] } : ANYWHERE,
    windowSeconds: DEFAULT_TOKEN_WINDOW_SECONDS,
    lastUsedAt: null,
    previous: null,
    revokedAt: null,
    ...stamps,
  };
  await store.commit([
    { put: 'user', user: owner },
    { put: 'zone', zone },
    { put: 'token', token },
  ]);
  return { token, owner, agent: null, share: null };
}
