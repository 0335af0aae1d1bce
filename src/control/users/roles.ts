import { hash } from 'node:crypto';
import { z } from 'zod';
import { userParty } from '../../domain/log-event.ts';
import type { Role, User } from '../../domain/user.ts';
import { notFound, ROLE_ASSIGNED_ALREADY } from '../api-error.ts';
import { eventOf, fromFresh } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import {
  type AnyCall,
  created,
  NO_CONTENT,
  type Operation,
  ok,
  operation,
  type Reply,
} from '../operation.ts';
import { findUser } from './find.ts';
import { ROLE_LABELS } from './wire.ts';
import { witnesses } from './witness.ts';

const TAG = 'Roles';
const ROLES = '/api/v1/users/{userId}/roles';
const ROLE = `${ROLES}/{roleAssignmentId}` as const;
const ROLE_TYPES = Object.keys(ROLE_LABELS) as readonly Role[];

const roleSchema = z.object({
  id: z.string().describe('The id of the assignment.'),
  label: z.string(),
  type: z.string(),
  status: z.literal('ACTIVE'),
  assignmentType: z.literal('USER'),
  _links: z.object({ assignee: z.object({ href: z.string() }) }),
});

export function roleOperations(parts: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'listAssignedRolesForUser',
      method: 'GET',
      path: ROLES,
      tag: TAG,
      summary: 'List all user role assignments',
      answer: { status: 200, schema: z.array(roleSchema) },
      refusals: [404],
      async handle(call) {
        const found = await findUser(parts, call, call.params.userId);
        if (found.kind === 'error') return found;
        return ok(found.user.roles.map((role) => roleBody(found.user, role, call.request.origin)));
      },
    }),
    operation({
      id: 'assignRoleToUser',
      method: 'POST',
      path: ROLES,
      tag: TAG,
      summary: 'Assign a user role',
      description: "The user's tokens have the role at once.",
      body: z.object({
        type: z.enum(ROLE_TYPES, { error: `must be one of ${ROLE_TYPES.join(', ')}` }),
      }),
      answer: { status: 201, schema: roleSchema },
      refusals: [400, 404, 409],
      handle: (call) => fromFresh(() => assign(parts, call, call.params.userId, call.body.type)),
    }),
    operation({
      id: 'getUserAssignedRole',
      method: 'GET',
      path: ROLE,
      tag: TAG,
      summary: 'Retrieve a user role assignment',
      answer: { status: 200, schema: roleSchema },
      refusals: [404],
      async handle(call) {
        const found = await findUser(parts, call, call.params.userId);
        if (found.kind === 'error') return found;
        const role = assignedRole(found.user, call.params.roleAssignmentId);
        if (role === undefined) return notFound(call.params.roleAssignmentId, 'RoleAssignment');
        return ok(roleBody(found.user, role, call.request.origin));
      },
    }),
    operation({
      id: 'unassignRoleFromUser',
      method: 'DELETE',
      path: ROLE,
      tag: TAG,
      summary: 'Unassign a user role',
      description: "The user's tokens lose the role at once.",
      answer: { status: 204, schema: null },
      refusals: [400, 404, 409],
      handle: (call) =>
        fromFresh(() => unassign(parts, call, call.params.userId, call.params.roleAssignmentId)),
    }),
  ];
}

async function assign(parts: ControlParts, call: AnyCall, name: string, role: Role): Promise<Reply> {
  const found = await findUser(parts, call, name);
  if (found.kind === 'error') return found;
  const { user } = found;
  if (user.roles.includes(role)) return ROLE_ASSIGNED_ALREADY;
  await parts.store.commit([
    {
      put: 'user',
      user: { ...user, roles: [...user.roles, role], lastUpdatedAt: call.now },
      replacing: user,
    },
    eventOf(call, 'user.account.privilege.grant', [userParty(user)], {
      privilegeGranted: ROLE_LABELS[role],
    }),
  ]);
  return created(roleBody(user, role, call.request.origin));
}

async function unassign(parts: ControlParts, call: AnyCall, name: string, id: string): Promise<Reply> {
  const found = await findUser(parts, call, name);
  if (found.kind === 'error') return found;
  const { user } = found;
  const role = assignedRole(user, id);
  if (role === undefined) return notFound(id, 'RoleAssignment');
  const after = { ...user, roles: user.roles.filter((each) => each !== role), lastUpdatedAt: call.now };
  const needed = await witnesses(parts, call, user, after);
  if ('kind' in needed) return needed;
  await parts.store.commit([
    { put: 'user', user: after, replacing: user },
    ...needed,
    eventOf(call, 'user.account.privilege.revoke', [userParty(user)], {
      privilegeRevoked: ROLE_LABELS[role],
    }),
  ]);
  return NO_CONTENT;
}

function assignedRole(user: User, id: string): Role | undefined {
  return user.roles.find((role) => assignmentId(user, role) === id);
}

/** A user has a role or has not, so the assignment's id follows from the two. */
function assignmentId({ id }: User, role: Role): string {
  return `ra1${hash('sha256', `${id} ${role}`).slice(0, 17)}`;
}

function roleBody(user: User, role: Role, origin: string) {
  return {
    id: assignmentId(user, role),
    label: ROLE_LABELS[role],
    type: role,
    status: 'ACTIVE',
    assignmentType: 'USER',
    _links: { assignee: { href: `${origin}/api/v1/users/${user.id}` } },
  };
}
