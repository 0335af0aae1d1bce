import { type Credential, expiresAt } from '../../domain/token.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** A token that was used within this time is shown as in use. */
const IN_USE_MS = 3 * DAY_MS;
/** A token that has no more than this left is shown as about to expire. */
const ABOUT_TO_EXPIRE_MS = 7 * DAY_MS;

export const TOKEN_STATUSES = ['GREEN', 'GRAY', 'RED', 'YELLOW'] as const;
export type TokenStatus = (typeof TOKEN_STATUSES)[number];

/** Whether it is an agent's token whose agent is not registered (docs/okta.md §7, "Agents"). */
export function isSuspicious({ token, agent }: Credential): boolean {
  return token.agentId !== null && agent === null;
}

/**
 * The colour under which the token is listed (docs/okta.md §7), the first that fits: yellow, suspicious; red, at
 * most seven days from expiry; green, used within three days; gray, neither.
 * @param now milliseconds since the epoch
 */
export function statusOf(credential: Credential, now: number): TokenStatus {
  const { token } = credential;
  if (isSuspicious(credential)) return 'YELLOW';
  if (expiresAt(token) - now <= ABOUT_TO_EXPIRE_MS) return 'RED';
  return token.lastUsedAt !== null && now - token.lastUsedAt <= IN_USE_MS ? 'GREEN' : 'GRAY';
}

/** What the token is listed under: `API`, the kind of its agent, or `SUSPICIOUS`. */
export function typeOf(credential: Credential): string {
  if (credential.token.agentId === null) return 'API';
  return credential.agent?.kind ?? 'SUSPICIOUS';
}
