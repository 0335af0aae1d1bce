import { type Credential, expiresAt } from '../../domain/token.ts';
import { type ApiError, FORBIDDEN, notFound } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import type { AnyCall } from '../operation.ts';
import { reaches } from '../permissions.ts';

export interface FoundToken {
  readonly kind: 'token';
  readonly credential: Credential;
}

/** The active token with that id, if the caller's grant reaches it. Revoked and expired ones count as gone. */
export async function findToken(
  { store }: ControlParts,
  { caller, grant, now }: AnyCall,
  id: string,
): Promise<FoundToken | ApiError> {
  const credential = await store.token(id);
  const active = credential !== null && credential.token.revokedAt === null;
  if (!active || expiresAt(credential.token) <= now) return notFound(id, 'Token');
  if (!reaches(grant, caller.user, credential.owner)) return FORBIDDEN;
  return { kind: 'token', credential };
}
