import { type Credential, expiresAt, type Share } from '../../domain/token.ts';
import { type ApiError, FORBIDDEN, notFound } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import type { AnyCall } from '../operation.ts';
import { reaches } from '../permissions.ts';

/** A share with the token that it belongs to. */
export interface FoundShare {
  readonly kind: 'share';
  readonly share: Share;
  readonly credential: Credential;
}

/** The share with that id, if the caller's grant reaches its token. The share of a token that is gone is gone too. */
export async function findShare(
  { store }: ControlParts,
  { caller, grant, now }: AnyCall,
  id: string,
): Promise<FoundShare | ApiError> {
  const share = await store.shareById(id);
  const credential = share === null ? null : await store.token(share.tokenId);
  if (share === null || credential === null || !isActive(credential, now)) {
    return notFound(id, 'PrincipalRateLimit');
  }
  if (!reaches(grant, caller.user, credential.owner)) return FORBIDDEN;
  return { kind: 'share', share, credential };
}

/** Whether the token is neither revoked nor expired at `now` (milliseconds since the epoch). */
export function isActive({ token }: Credential, now: number): boolean {
  return token.revokedAt === null && expiresAt(token) > now;
}
