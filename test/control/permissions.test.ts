import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operation } from '../../src/control/operation.ts';
import {
  type Grant,
  grantFor,
  type OperationId,
  PERMISSIONS,
  reaches,
} from '../../src/control/permissions.ts';
import { resources } from '../../src/control/resources.ts';
import type { Role, User } from '../../src/domain/user.ts';
import { aUser } from '../support/records.ts';
import { type ControlPlane, type Person, startControlPlane } from './control-plane.ts';
import { parts } from './parts.ts';

const COLUMNS: readonly (Role | null)[] = [
  'SUPER_ADMIN',
  'ORG_ADMIN',
  'GROUP_ADMIN',
  'USER_ADMIN',
  'GROUP_MEMBERSHIP_ADMIN',
  'READ_ONLY_ADMIN',
  'HELP_DESK_ADMIN',
  'APP_ADMIN',
  'REPORT_ADMIN',
  'API_ACCESS_MANAGEMENT_ADMIN',
  'MOBILE_ADMIN',
  null,
];
const CELLS: Readonly<Record<string, Grant | null>> = {
  A: 'all',
  S: 'all-but-super',
  U: 'without-role',
  o: 'own',
  '-': null,
};

// super org group user membership read-only | help-desk app report | api-access mobile none
const TABLE: Readonly<Record<OperationId, string>> = {
  listApiTokens: 'A A o o o A  o o o  o o o',
  getApiToken: 'A A o o o A  o o o  o o o',
  createApiToken: 'A o o o o o  - - -  - - -',
  upsertApiToken: 'A S o o o o  - - -  - - -',
  rotateApiToken: 'A o o o o o  - - -  - - -',
  revokeApiToken: 'A S o o o o  o o o  o o o',
  revokeCurrentApiToken: 'o o o o o o  o o o  o o o',
  listUsers: 'A A A A A A  A A A  - - -',
  getUser: 'A A A A A A  A A A  o o o',
  createUser: 'A S U U - -  - - -  - - -',
  updateUser: 'A S U U - -  - - -  - - -',
  replaceUser: 'A S U U - -  - - -  - - -',
  activateUser: 'A S U U - -  - - -  - - -',
  deactivateUser: 'A S U U - -  - - -  - - -',
  suspendUser: 'A S U U - -  - - -  - - -',
  unsuspendUser: 'A S U U - -  - - -  - - -',
  listAssignedRolesForUser: 'A A o o o A  o o o  o o o',
  getUserAssignedRole: 'A A o o o A  o o o  o o o',
  assignRoleToUser: 'A - - - - -  - - -  - - -',
  unassignRoleFromUser: 'A - - - - -  - - -  - - -',
  listAgents: 'A A - - - A  - - -  - - -',
  getAgent: 'A A - - - A  - - -  - - -',
  registerAgent: 'A A - - - -  - - -  - - -',
  activateAgent: 'A A - - - -  - - -  - - -',
  deactivateAgent: 'A A - - - -  - - -  - - -',
  deleteAgent: 'A A - - - -  - - -  - - -',
  listNetworkZones: 'A A A A A A  - - -  - - -',
  getNetworkZone: 'A A A A A A  - - -  - - -',
  createNetworkZone: 'A A - - - -  - - -  - - -',
  replaceNetworkZone: 'A A - - - -  - - -  - - -',
  deleteNetworkZone: 'A A - - - -  - - -  - - -',
  activateNetworkZone: 'A A - - - -  - - -  - - -',
  deactivateNetworkZone: 'A A - - - -  - - -  - - -',
  listPrincipalRateLimitEntities: 'A A o o o A  o o o  o o o',
  getPrincipalRateLimitEntity: 'A A o o o A  o o o  o o o',
  createPrincipalRateLimitEntity: 'A S o o o -  - - -  - - -',
  replacePrincipalRateLimitEntity: 'A S o o o -  - - -  - - -',
  getRateLimitSettingsAdminNotifications: 'A A - - - A  - - -  - - -',
  replaceRateLimitSettingsAdminNotifications: 'A A - - - -  - - -  - - -',
  getRateLimitSettingsPerClient: 'A A - - - A  - - -  - - -',
  replaceRateLimitSettingsPerClient: 'A A - - - -  - - -  - - -',
  getRateLimitSettingsWarningThreshold: 'A A - - - A  - - -  - - -',
  replaceRateLimitSettingsWarningThreshold: 'A A - - - -  - - -  - - -',
  listLogEvents: 'A A - - - A  - - A  - - -',
  explainDecision: 'A A - - - A  - - -  - - -',
  listBusiestTokens: 'A A - - - A  - - -  - - -',
};

interface Cell {
  readonly id: OperationId;
  readonly role: Role | null;
  readonly grant: Grant | null;
}

const cells: readonly Cell[] = Object.entries(TABLE).flatMap(([id, row]) => {
  const letters = row.split(/ +/);
  expect(letters).toHaveLength(COLUMNS.length);
  return COLUMNS.map((role, column) => ({
    id: id as OperationId,
    role,
    grant: CELLS[letters[column] ?? ''] ?? null,
  }));
});

const withRoles = (...roles: readonly Role[]): User => aUser({ roles });

describe('the permission table', () => {
  it('has a row here for every operation', () => {
    expect(Object.keys(TABLE).sort()).toEqual(Object.keys(PERMISSIONS).sort());
  });

  it.each(cells)('grants $role in $id: $grant', ({ id, role, grant }) => {
    expect(grantFor(id, withRoles(...(role === null ? [] : [role])))).toBe(grant);
  });

  it('gives a caller with several roles the widest grant of them', () => {
    expect(grantFor('deactivateUser', withRoles('GROUP_ADMIN', 'ORG_ADMIN'))).toBe('all-but-super');
    expect(grantFor('listApiTokens', withRoles('READ_ONLY_ADMIN', 'GROUP_ADMIN'))).toBe('all');
  });
});

describe('the reach of a grant', () => {
  const caller = withRoles('GROUP_ADMIN');
  const owners = {
    itself: caller,
    'somebody without a role': withRoles(),
    'another administrator': withRoles('READ_ONLY_ADMIN'),
    'a super administrator': withRoles('ORG_ADMIN', 'SUPER_ADMIN'),
    'nobody that is known': null,
  };
  const REACH: Readonly<Record<Grant, readonly boolean[]>> = {
    own: [true, false, false, false, false],
    'without-role': [true, true, false, false, false],
    'all-but-super': [true, true, true, false, true],
    all: [true, true, true, true, true],
  };

  it.each(Object.entries(REACH))('%s reaches what it says and no more', (grant, expected) => {
    const reached = Object.values(owners).map((owner) => reaches(grant as Grant, caller, owner));
    expect(reached).toEqual(expected);
  });
});

describe('over the wire', () => {
  let plane: ControlPlane;
  const people = new Map<Role | null, Person>();
  beforeAll(async () => {
    plane = await startControlPlane('control: { limit: { max: 1000000, window: 60s } }');
    for (const role of COLUMNS) people.set(role, await plane.person(role === null ? [] : [role]));
  });
  afterAll(() => plane.close());

  it.each(resources(parts()))(
    'refuses $id, with 403 E0000006, to exactly the roles that may not',
    async (operation) => {
      const refused: (Role | null)[] = [];
      for (const [role, person] of people) {
        // What revokes the token it is asked with takes one that nobody needs any more.
        const asks =
          operation.id === 'revokeCurrentApiToken' ? await plane.person(person.user.roles) : person;
        const { status, body } = await asks.ask(operation.method, pathFor(operation, asks));
        if (status === 403) {
          expect(body).toMatchObject({ errorCode: 'E0000006' });
          refused.push(role);
        }
      }
      const expected = cells.filter(({ id, grant }) => id === operation.id && grant === null);
      expect(refused).toEqual(expected.map(({ role }) => role));
    },
  );
});

/** Names the caller where users are read, and nobody and nothing elsewhere. */
function pathFor({ id, path }: Operation, { user }: Person): string {
  const reads = id === 'getUser' || id === 'listAssignedRolesForUser' || id === 'getUserAssignedRole';
  return path.replace(/\{(id|userId)\}/, reads ? user.id : 'nobody').replaceAll(/\{\w+\}/g, 'nothing');
}
