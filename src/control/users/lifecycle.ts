import { z } from 'zod';
import { userParty } from '../../domain/log-event.ts';
import type { LogEventType } from '../../domain/log-event-types.ts';
import type { User, UserStatus } from '../../domain/user.ts';
import { type ApiError, invalid, WRONG_USER_STATUS } from '../api-error.ts';
import { eventOf, fromFresh } from '../change.ts';
import type { ControlParts } from '../control-parts.ts';
import { type AnyCall, type Operation, ok, operation, type Reply } from '../operation.ts';
import { findUser } from './find.ts';
import { canBeActivated } from './wire.ts';
import { witnesses } from './witness.ts';

/** One step of a user's life. Tokens follow: they act while their owner may (docs/okta.md §7). */
interface Step {
  readonly id: 'activateUser' | 'deactivateUser' | 'suspendUser' | 'unsuspendUser';
  readonly action: string;
  readonly summary: string;
  readonly to: UserStatus;
  readonly eventType: LogEventType;
  /** Why a user in that status cannot take the step; null when it can. */
  refusal(status: UserStatus): ApiError | null;
}

const STEPS: readonly Step[] = [
  {
    id: 'activateUser',
    action: 'activate',
    summary: 'Activate a user',
    to: 'ACTIVE',
    eventType: 'user.lifecycle.activate',
    refusal: (status) => (canBeActivated(status) ? null : WRONG_USER_STATUS),
  },
  {
    id: 'deactivateUser',
    action: 'deactivate',
    summary: 'Deactivate a user',
    to: 'DEPROVISIONED',
    eventType: 'user.lifecycle.deactivate',
    refusal: (status) => (status === 'DEPROVISIONED' ? WRONG_USER_STATUS : null),
  },
  {
    id: 'suspendUser',
    action: 'suspend',
    summary: 'Suspend a user',
    to: 'SUSPENDED',
    eventType: 'user.lifecycle.suspend',
    refusal: (status) =>
      status === 'ACTIVE' ? null : invalid('suspendUser', 'Cannot suspend a user that is not active'),
  },
  {
    id: 'unsuspendUser',
    action: 'unsuspend',
    summary: 'Unsuspend a user',
    to: 'ACTIVE',
    eventType: 'user.lifecycle.unsuspend',
    refusal: (status) =>
      status === 'SUSPENDED'
        ? null
        : invalid('unsuspendUser', 'Cannot unsuspend a user that is not suspended'),
  },
];

export function lifecycleOperations(parts: ControlParts): readonly Operation[] {
  return STEPS.map((step) =>
    operation({
      id: step.id,
      method: 'POST',
      path: `/api/v1/users/{id}/lifecycle/${step.action}`,
      tag: 'Users',
      summary: step.summary,
      answer: {
        status: 200,
        schema: z.object({}).describe('Nothing: no mail is sent, so there is no link.'),
      },
      refusals: [400, 404, 409],
      handle: (call) => fromFresh(() => take(parts, call, call.params['id'] ?? '', step)),
    }),
  );
}

async function take(parts: ControlParts, call: AnyCall, name: string, step: Step): Promise<Reply> {
  const found = await findUser(parts, call, name);
  if (found.kind === 'error') return found;
  const { user } = found;
  const refusal = step.refusal(user.status);
  if (refusal !== null) return refusal;
  const after: User = { ...user, status: step.to, lastUpdatedAt: call.now };
  const needed = await witnesses(parts, call, user, after);
  if ('kind' in needed) return needed;
  await parts.store.commit([
    { put: 'user', user: after, replacing: user },
    ...needed,
    eventOf(call, step.eventType, [userParty(user)]),
  ]);
  return ok({});
}
