/** Reads what the scripts answer; an answer of another shape is a bug, and throws. */
import type { StoredCredential } from '../records.ts';
import type { Standing } from './vouching.ts';

export function listFrom(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('Redis answered with something else than a list');
  return reply;
}

export function textFrom(reply: unknown): string {
  if (typeof reply !== 'string') throw new TypeError('Redis answered with something else than a text');
  return reply;
}

export function textOrNull(reply: unknown): string | null {
  return reply === null || reply === undefined ? null : textFrom(reply);
}

/** @param reply what STANDING answers */
export function standingFrom(reply: unknown): Standing {
  const [info, version] = listFrom(reply);
  const history = /^master_replid:(\w+)/m.exec(textFrom(info))?.[1] ?? '';
  return { history, version: Number(textOrNull(version) ?? 0) };
}

export function storedCredentialFrom(reply: unknown): StoredCredential {
  const [id, record, lastUsedAt, owner, agent, share] = listFrom(reply);
  return {
    id: textFrom(id),
    record: textFrom(record),
    lastUsedAt: textOrNull(lastUsedAt) === null ? null : Number(lastUsedAt),
    owner: textOrNull(owner),
    agent: textOrNull(agent),
    share: textOrNull(share),
  };
}
