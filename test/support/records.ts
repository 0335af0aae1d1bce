import { newId } from '../../src/domain/ids.ts';
import { ANYWHERE } from '../../src/domain/network-condition.ts';
import { mintSecret, secretIndex } from '../../src/domain/secret.ts';
import { DEFAULT_TOKEN_WINDOW_SECONDS, type Share, type Token } from '../../src/domain/token.ts';
import type { Agent, User } from '../../src/domain/user.ts';
import type { Zone } from '../../src/domain/zone.ts';

/** When the records of tests were made, unless said otherwise: the moment at which a manual clock starts. */
export const MADE_AT = Date.UTC(2026, 0, 1);

const stamps = { createdAt: MADE_AT, lastUpdatedAt: MADE_AT };

/** An active user with the super administrator's role. */
export function aUser(facts: Partial<User> = {}): User {
  const id = newId('00u');
  return {
    id,
    login: `${id}@example.com`,
    firstName: 'Ada',
    lastName: 'Lovelace',
    status: 'ACTIVE',
    roles: ['SUPER_ADMIN'],
    ...stamps,
    ...facts,
  };
}

/** A token that may be used from anywhere, and its secret. */
export function aToken(userId: string, facts: Partial<Token> = {}): { token: Token; secret: string } {
  const secret = mintSecret('tg');
  const token: Token = {
    id: newId('00T'),
    name: 'a token',
    hash: secretIndex(secret, null),
    userId,
    clientName: 'Okta API',
    agentId: null,
    network: ANYWHERE,
    windowSeconds: DEFAULT_TOKEN_WINDOW_SECONDS,
    lastUsedAt: null,
    previous: null,
    revokedAt: null,
    ...stamps,
    ...facts,
  };
  return { token, secret };
}

/** An active IP zone whose gateways are the given CIDRs. */
export function aZone(gateways: readonly string[], facts: Partial<Zone> = {}): Zone {
  const id = newId('nzo');
  return {
    id,
    name: `zone ${id}`,
    type: 'IP',
    usage: 'POLICY',
    status: 'ACTIVE',
    system: false,
    gateways: gateways.map((value) => ({ type: 'CIDR', value })),
    proxies: [],
    dynamic: null,
    ...stamps,
    ...facts,
  };
}

/** An active AD agent. */
export function anAgent(facts: Partial<Agent> = {}): Agent {
  const id = newId('a53');
  return { id, name: `agent ${id}`, kind: 'AD', status: 'ACTIVE', ...stamps, ...facts };
}

/** A share of which nothing is set: the defaults hold. */
export function aShare(tokenId: string, facts: Partial<Share> = {}): Share {
  return {
    id: newId('prl'),
    tokenId,
    percentage: null,
    concurrencyPercentage: null,
    byEndpoint: {},
    createdBy: 'system',
    lastUpdatedBy: 'system',
    ...stamps,
    ...facts,
  };
}
