/**
 * How records are written in both stores: as JSON. A token's leaves out its id, which is its key, its last use,
 * which only usage writes, and whatever says nothing, because there may be a million.
 */
import type { LogEvent } from '../domain/log-event.ts';
import { ALL_IP_ZONES, ANYWHERE, type NetworkCondition } from '../domain/network-condition.ts';
import type { Credential, PreviousSecret, Share, Token } from '../domain/token.ts';
import type { Agent, User } from '../domain/user.ts';
import type { Zone } from '../domain/zone.ts';

/** The client name of tokens that people make: what a record without one means. Part of the format. */
const DEFAULT_CLIENT_NAME = 'Okta API';

interface TokenRecord {
  readonly name: string;
  readonly hash: string;
  readonly userId: string;
  readonly windowSeconds: number;
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
  readonly clientName?: string | undefined;
  readonly agentId?: string | undefined;
  readonly network?: NetworkCondition | undefined;
  readonly previous?: PreviousSecret | undefined;
  readonly revokedAt?: number | undefined;
}

/** A token joined with what decides over it, each part as it is stored; null where there is none. */
export interface StoredCredential {
  readonly id: string;
  readonly record: string;
  readonly lastUsedAt: number | null;
  readonly owner: string | null;
  readonly agent: string | null;
  readonly share: string | null;
}

/** Logins are compared without regard to case: two users with the same key cannot both exist. */
export function loginKey(login: string): string {
  return login.toLowerCase();
}

/**
 * A value as JSON that every reader accepts. Half a surrogate pair is no character, and the JSON reader of Redis
 * scripts refuses it, so it is written as what UTF-8 has in its place: U+FFFD.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (!text.includes('\\ud')) return text;
  // JSON.stringify escapes halves alone, in small letters; other escapes are passed over whole.
  return text.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (match) => (match.length === 6 ? '\ufffd' : match));
}

export function tokenText(token: Token): string {
  const record: TokenRecord = {
    name: token.name,
    hash: token.hash,
    userId: token.userId,
    windowSeconds: token.windowSeconds,
    createdAt: token.createdAt,
    lastUpdatedAt: token.lastUpdatedAt,
    clientName: token.clientName === DEFAULT_CLIENT_NAME ? undefined : token.clientName,
    agentId: token.agentId ?? undefined,
    network: token.network.connection === 'ANYWHERE' ? undefined : token.network,
    previous: token.previous ?? undefined,
    revokedAt: token.revokedAt ?? undefined,
  };
  return jsonText(record);
}

export function tokenFrom({ id, record, lastUsedAt }: StoredCredential): Token {
  const stored = JSON.parse(record) as TokenRecord;
  return {
    id,
    name: stored.name,
    hash: stored.hash,
    userId: stored.userId,
    clientName: stored.clientName ?? DEFAULT_CLIENT_NAME,
    agentId: stored.agentId ?? null,
    network: stored.network ?? ANYWHERE,
    windowSeconds: stored.windowSeconds,
    createdAt: stored.createdAt,
    lastUpdatedAt: stored.lastUpdatedAt,
    lastUsedAt,
    previous: stored.previous ?? null,
    revokedAt: stored.revokedAt ?? null,
  };
}

export function credentialFrom(stored: StoredCredential): Credential {
  return {
    token: tokenFrom(stored),
    owner: stored.owner === null ? null : userFrom(stored.owner),
    agent: stored.agent === null ? null : agentFrom(stored.agent),
    share: stored.share === null ? null : shareFrom(stored.share),
  };
}

/** A user's record carries its login key, so that a script can free it without knowing the rule. */
export function userText(user: User): string {
  return jsonText({ ...user, loginKey: loginKey(user.login) });
}

export function userFrom(record: string): User {
  const { loginKey: _, ...user } = JSON.parse(record) as User & { loginKey: string };
  return user;
}

export function zoneFrom(record: string): Zone {
  return JSON.parse(record) as Zone;
}

export function agentFrom(record: string): Agent {
  return JSON.parse(record) as Agent;
}

export function zoneText(zone: Zone): string {
  return jsonText(zone);
}

/** The text under which a record of that kind is stored. */
export function recordText(
  kind: 'user' | 'zone' | 'agent' | 'share' | 'setting' | 'token',
  record: unknown,
): string {
  if (kind === 'token') return tokenText(record as Token);
  if (kind === 'user') return userText(record as User);
  return jsonText(record);
}

/** The zones that must not go because the token names them: none when it is revoked. */
export function zonesOf({ network, revokedAt }: Token): readonly string[] {
  if (revokedAt !== null || network.connection === 'ANYWHERE') return [];
  const named = 'include' in network ? network.include : network.exclude;
  return named.filter((id) => id !== ALL_IP_ZONES);
}

export function eventFrom(record: string): LogEvent {
  return JSON.parse(record) as LogEvent;
}

export function shareFrom(record: string): Share {
  return JSON.parse(record) as Share;
}
