import { describe, expect, test } from 'vitest';
import {
  type Credential,
  DEFAULT_TOKEN_WINDOW_SECONDS,
  expiresAt,
  type Token,
  type Unusable,
  unusable,
} from '../../src/domain/token.ts';
import type { Agent, User, UserStatus } from '../../src/domain/user.ts';

const DAY = 24 * 60 * 60 * 1000;
const CREATED = Date.UTC(2026, 0, 1);
const NOW = CREATED + DAY;

function credentialOf(
  change: { token?: Partial<Token>; owner?: Partial<User> | null; agent?: Partial<Agent> | null } = {},
): Credential {
  const dates = { createdAt: CREATED, lastUpdatedAt: CREATED };
  const owner: User = {
    id: '00uOwner',
    login: 'ada@example.com',
    firstName: 'Ada',
    lastName: 'Byron',
    status: 'ACTIVE',
    roles: [],
    ...dates,
  };
  const agent: Agent = { id: 'a53Agent', name: 'directory', kind: 'AD', status: 'ACTIVE', ...dates };
  return {
    token: {
      id: '00TToken',
      name: 'deploy',
      hash: '0'.repeat(64),
      userId: owner.id,
      clientName: 'Okta API',
      agentId: null,
      network: { connection: 'ANYWHERE' },
      windowSeconds: DEFAULT_TOKEN_WINDOW_SECONDS,
      lastUsedAt: null,
      previous: null,
      revokedAt: null,
      ...dates,
      ...change.token,
    },
    owner: change.owner === null ? null : { ...owner, ...change.owner },
    agent: change.agent === undefined || change.agent === null ? null : { ...agent, ...change.agent },
    share: null,
  };
}

describe('a token', () => {
  test('of an active owner may act', () => {
    expect(unusable(credentialOf(), NOW)).toBeNull();
  });

  // A record, so that a status added to the life cycle must be judged here too.
  const byOwner: Record<UserStatus, Unusable | null> = {
    ACTIVE: null,
    RECOVERY: null,
    PASSWORD_EXPIRED: null,
    LOCKED_OUT: null,
    STAGED: 'owner-inactive',
    PROVISIONED: 'owner-inactive',
    SUSPENDED: 'owner-inactive',
    DEPROVISIONED: 'owner-inactive',
  };
  test.each(Object.entries(byOwner))('whose owner is %s is refused for this reason: %s', (status, reason) => {
    expect(unusable(credentialOf({ owner: { status: status as UserStatus } }), NOW)).toBe(reason);
  });

  test('may act again as soon as its owner is active again', () => {
    expect(unusable(credentialOf({ owner: { status: 'SUSPENDED' } }), NOW)).toBe('owner-inactive');
    expect(unusable(credentialOf({ owner: { status: 'ACTIVE' } }), NOW)).toBeNull();
  });

  test('whose owner is not on record may not act', () => {
    expect(unusable(credentialOf({ owner: null }), NOW)).toBe('owner-inactive');
  });

  test('that is revoked may not act, whatever the time of its revocation', () => {
    expect(unusable(credentialOf({ token: { revokedAt: NOW } }), NOW)).toBe('revoked');
    expect(unusable(credentialOf({ token: { revokedAt: 0 } }), NOW)).toBe('revoked');
    expect(unusable(credentialOf({ token: { revokedAt: NOW + DAY } }), NOW)).toBe('revoked');
  });
});

describe("an agent's token", () => {
  const agentToken = { agentId: 'a53Agent', clientName: 'Okta AD Agent' };
  test.each<[string, Partial<Agent> | null, Unusable | null]>([
    ['an active agent may act', { status: 'ACTIVE' }, null],
    ['an inactive agent may not', { status: 'INACTIVE' }, 'agent-inactive'],
    ['an agent that is not registered may not', null, 'agent-inactive'],
  ])('of %s', (_, agent, reason) => {
    expect(unusable(credentialOf({ token: agentToken, agent }), NOW)).toBe(reason);
  });

  test('needs an active owner all the same', () => {
    const credential = credentialOf({ token: agentToken, agent: {}, owner: { status: 'DEPROVISIONED' } });
    expect(unusable(credential, NOW)).toBe('owner-inactive');
  });

  test('and nothing of an agent matters to a token that is not one', () => {
    expect(unusable(credentialOf({ agent: { status: 'INACTIVE' } }), NOW)).toBeNull();
  });
});

describe('a token lives one window from its creation or last use', () => {
  const WINDOW = 30 * DAY;

  test.each([
    ['never used: from its creation', null, CREATED + WINDOW],
    ['used: from its last use', CREATED + 5 * DAY, CREATED + 35 * DAY],
    ['used at the moment of its creation', CREATED, CREATED + WINDOW],
  ])('%s', (_, lastUsedAt, end) => {
    expect(expiresAt(credentialOf({ token: { lastUsedAt } }).token)).toBe(end);
  });

  test('it may act until the millisecond before the end, and not at the end', () => {
    const credential = credentialOf();
    const end = expiresAt(credential.token);
    expect(unusable(credential, end - 1)).toBeNull();
    expect(unusable(credential, end)).toBe('expired');
    expect(unusable(credential, end + 1)).toBe('expired');
  });

  test("the window is the token's own", () => {
    const credential = credentialOf({ token: { windowSeconds: 300, lastUsedAt: NOW } });
    expect(unusable(credential, NOW + 299_999)).toBeNull();
    expect(unusable(credential, NOW + 300_000)).toBe('expired');
  });

  test('an update of its record does not renew it', () => {
    expect(unusable(credentialOf({ token: { lastUpdatedAt: CREATED + 29 * DAY } }), CREATED + 30 * DAY)).toBe(
      'expired',
    );
  });

  test('a token used every day for a year lives, and one left alone for 30 days is dead', () => {
    let lastUsedAt: number | null = null;
    for (let day = 1; day <= 365; day++) {
      expect(unusable(credentialOf({ token: { lastUsedAt } }), CREATED + day * DAY)).toBeNull();
      lastUsedAt = CREATED + day * DAY;
    }
    expect(unusable(credentialOf({ token: { lastUsedAt } }), CREATED + (365 + 30) * DAY)).toBe('expired');
  });
});

test('of several reasons the most lasting is the one that is told', () => {
  const revoked = { revokedAt: NOW };
  const expired = { lastUsedAt: NOW - 31 * DAY };
  const orphan = { agentId: 'a53Agent' };
  const gone: Partial<User> = { status: 'DEPROVISIONED' };
  const reason = (token: Partial<Token>, owner: Partial<User> = {}) =>
    unusable(credentialOf({ token, owner }), NOW);
  expect(reason({ ...revoked, ...expired, ...orphan }, gone)).toBe('revoked');
  expect(reason({ ...expired, ...orphan }, gone)).toBe('expired');
  expect(reason(orphan, gone)).toBe('owner-inactive');
  expect(reason(orphan)).toBe('agent-inactive');
});
