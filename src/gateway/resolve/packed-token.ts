import { ANYWHERE, type NetworkCondition } from '../../domain/network-condition.ts';
import {
  type Credential,
  DEFAULT_CLIENT_NAME,
  type PreviousSecret,
  type Share,
  type Token,
} from '../../domain/token.ts';
import type { Agent, User } from '../../domain/user.ts';

/** A token and its share as a list, without what most of them have in common. Null stands for that, or for nothing. */
type Packed = readonly [
  readAt: number,
  doubts: number,
  id: string,
  name: string,
  /** Null where it is the key under which the token is kept. */
  hash: string | null,
  userId: string,
  clientName: string | null,
  agentId: string | null,
  network: NetworkCondition | null,
  windowSeconds: number,
  createdAt: number,
  lastUpdatedAt: number,
  lastUsedAt: number | null,
  previous: PreviousSecret | null,
  revokedAt: number | null,
  share: Share | null,
];

/** A token without its owner and agent, whose records are kept apart, and when it was read. */
export interface Unpacked {
  readonly token: Token;
  readonly share: Share | null;
  readonly readAt: number;
  readonly doubts: number;
}

/**
 * A token as one text, which V8 need not look into: the objects that it is made of, a dozen, are what makes a large cache
 * expensive (docs/adr/0042-packed-tokens.md).
 * @param key under which it is kept: the index of one of its secrets
 */
export function pack(key: string, { token, share }: Credential, readAt: number, doubts: number): string {
  const packed: Packed = [
    readAt,
    doubts,
    token.id,
    token.name,
    token.hash === key ? null : token.hash,
    token.userId,
    token.clientName === DEFAULT_CLIENT_NAME ? null : token.clientName,
    token.agentId,
    token.network.connection === 'ANYWHERE' ? null : token.network,
    token.windowSeconds,
    token.createdAt,
    token.lastUpdatedAt,
    token.lastUsedAt,
    token.previous,
    token.revokedAt,
    share,
  ];
  return JSON.stringify(packed);
}

/** What was packed under that key. */
export function unpack(key: string, text: string): Unpacked {
  const packed = JSON.parse(text) as Packed;
  const token: Token = {
    id: packed[2],
    name: packed[3],
    hash: packed[4] ?? key,
    userId: packed[5],
    clientName: packed[6] ?? DEFAULT_CLIENT_NAME,
    agentId: packed[7],
    network: packed[8] ?? ANYWHERE,
    windowSeconds: packed[9],
    createdAt: packed[10],
    lastUpdatedAt: packed[11],
    lastUsedAt: packed[12],
    previous: packed[13],
    revokedAt: packed[14],
  };
  return { token, share: packed[15], readAt: packed[0], doubts: packed[1] };
}

/** The record of an owner or agent as a text; also that there is none. */
export function packRecord(record: User | Agent | null): string {
  return JSON.stringify(record);
}

export function unpackOwner(text: string): User | null {
  return JSON.parse(text) as User | null;
}

export function unpackAgent(text: string): Agent | null {
  return JSON.parse(text) as Agent | null;
}
