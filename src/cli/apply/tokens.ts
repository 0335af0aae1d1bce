import type { Judged } from '../../config/apply-file/judgement.ts';
import type { TokenEntry } from '../../config/apply-file/schema.ts';
import type { Finding } from '../../config/problem.ts';
import type { Mutation } from '../../domain/store.ts';
import {
  type Credential,
  DEFAULT_CLIENT_NAME,
  newShare,
  newToken,
  type Share,
  type Token,
} from '../../domain/token.ts';
import type { Claims } from './claims.ts';
import { type Context, WRONG } from './context.ts';
import type { Step } from './draft.ts';
import { type Deed, tokenDeeds } from './events.ts';
import { type Field, textOf } from './fields.ts';
import { SHARE_FIELDS, type TokenState } from './token-fields.ts';
import { type Referred, referredBy, secretOf } from './token-references.ts';

export interface TokenClaims {
  readonly ids: Claims;
  readonly hashes: Claims;
}

/**
 * Plans some tokens of the file, which are known by their ids, or else by the hashes of their secrets. The context
 * has every user, zone and agent of the file, and every zone and agent of the store.
 */
export async function planTokens(
  entries: readonly Judged<TokenEntry>[],
  claims: TokenClaims,
  fields: readonly Field<TokenState>[],
  context: Context,
): Promise<void> {
  const { store, owners, rules } = context;
  const secrets = entries.map((entry) => secretOf(entry, rules));
  const hashes = secrets.flatMap((secret) => ('hash' in secret ? [secret.hash] : []));
  const ids = entries.flatMap(({ good }) => (good.id === undefined ? [] : [good.id]));
  const [byHash, byId] = await Promise.all([
    store.tokensByHash(hashes).then((found) => byKey(hashes, found)),
    ids.length === 0
      ? new Map<string, Credential>()
      : store.tokensById(ids).then((found) => byKey(ids, found)),
    owners.load(entries.flatMap(({ good }) => (good.owner === undefined ? [] : [good.owner]))),
  ]);
  entries.forEach((entry, index) => {
    const secret = secrets[index] ?? { findings: [] };
    const { id } = entry.good;
    const stored = {
      byId: id === undefined ? null : (byId.get(id) ?? null),
      byHash: 'hash' in secret ? (byHash.get(secret.hash) ?? null) : null,
    };
    planToken(entry, secret, stored, claims, fields, context);
  });
}

function planToken(
  entry: Judged<TokenEntry>,
  secret: ReturnType<typeof secretOf>,
  stored: Stored,
  claims: TokenClaims,
  fields: readonly Field<TokenState>[],
  context: Context,
): void {
  const { rules, draft } = context;
  const hash = 'hash' in secret ? secret.hash : null;
  const referred = referredBy(entry, context);
  const findings = [
    ...('findings' in secret ? secret.findings : []),
    ...referred.findings,
    ...clashes(entry, hash, stored, claims),
    ...otherOwner(stored, referred),
  ];
  for (const finding of findings) draft.problem(entry.raw.locate(finding));
  const { whole } = entry;
  const { ownerId } = referred;
  if (findings.length > 0 || whole === null || hash === null || ownerId === null) return;
  const old = stored.byId ?? stored.byHash;
  if (old !== null && old.token.revokedAt !== null) {
    draft.note(`token ${textOf(old.token.name)} ${old.token.id} was revoked and stays so`);
    draft.counts.token.unchanged += 1;
  } else {
    draft.add(stepOf(whole, hash, { ...referred, ownerId }, old, fields, rules.now));
  }
}

/** What the entry refers to, with an owner. */
type Owned = Referred & { readonly ownerId: string };

interface Stored {
  readonly byId: Credential | null;
  readonly byHash: Credential | null;
}

/** Two entries for one token, and two tokens for one entry. */
function clashes(
  { good: { id }, raw }: Judged<TokenEntry>,
  hash: string | null,
  { byId, byHash }: Stored,
  claims: TokenClaims,
): Finding[] {
  const findings: Finding[] = [];
  const idHolder = id === undefined ? null : claims.ids.claim(id, raw.line);
  if (idHolder !== null) {
    findings.push({ path: ['id'], message: `must be unique: the token in line ${idHolder} has this id too` });
  }
  if (hash === null) return findings;
  const hashHolder = claims.hashes.claim(hash, raw.line);
  if (hashHolder !== null) {
    findings.push({
      path: [],
      message: `has the same secret as the token in line ${hashHolder}: each needs its own`,
    });
  } else if (id === undefined && byHash !== null) {
    const renewed = claims.ids.holder(byHash.token.id);
    if (renewed !== null) findings.push({ path: [], message: sameToken(byHash.token.id, renewed) });
  } else if (id !== undefined && byHash !== null && byHash.token.id !== id) {
    const message = `the store knows this secret as that of the token ${byHash.token.id}: give that id, or another secret`;
    findings.push({ path: ['id'], message });
  } else if (byId !== null && byId.token.hash !== hash) {
    const former = claims.hashes.holder(byId.token.hash);
    if (former !== null) findings.push({ path: ['id'], message: sameToken(byId.token.id, former) });
  }
  return findings;
}

function sameToken(id: string, line: number): string {
  return `is in the store the same token, ${id}, as the one in line ${line}: leave one of the two out`;
}

function otherOwner({ byId, byHash }: Stored, { ownerId }: Referred): Finding[] {
  const stored = byId ?? byHash;
  if (stored === null || ownerId === null || ownerId === WRONG || ownerId === stored.token.userId) return [];
  const owner = stored.owner === null ? stored.token.userId : textOf(stored.owner.login);
  const message = `the token ${stored.token.id} belongs to ${owner}, and a token's owner cannot change`;
  return [{ path: ['owner'], message }];
}

function stepOf(
  entry: TokenEntry,
  hash: string,
  referred: Owned,
  stored: Credential | null,
  fields: readonly Field<TokenState>[],
  now: number,
): Step<TokenState> {
  const old = stored === null ? null : stateOf(stored);
  const next: TokenState = {
    token: tokenOf(entry, hash, referred, stored?.token ?? null, now),
    owner: entry.owner,
    percentage: entry.percentage === undefined ? (old?.percentage ?? null) : entry.percentage,
    byEndpoint: entry.endpoints ?? old?.byEndpoint ?? {},
  };
  return {
    kind: 'token',
    label: labelOf(entry, stored),
    fields,
    old,
    next,
    mutations: (differing) => mutationsOf(next, differing, stored, now),
    deeds: (differing) => deedsOf(next, differing, stored, now),
  };
}

function stateOf({ token, owner, share }: Credential): TokenState {
  return {
    token,
    owner: owner?.login ?? token.userId,
    percentage: share?.percentage ?? null,
    byEndpoint: share?.byEndpoint ?? {},
  };
}

function tokenOf(
  entry: TokenEntry,
  hash: string,
  { ownerId, network, agent }: Owned,
  old: Token | null,
  now: number,
): Token {
  const fresh = newToken(entry.name, ownerId, hash, now);
  const base = old ?? { ...fresh, id: entry.id ?? fresh.id };
  return {
    ...base,
    name: entry.name,
    hash,
    ...(agent === undefined
      ? {}
      : { clientName: agent?.kind ?? DEFAULT_CLIENT_NAME, agentId: agent?.id ?? null }),
    network: network ?? base.network,
    windowSeconds: entry.window ?? base.windowSeconds,
    // A secret that the file replaces is refused at once, and so is the one before it.
    previous: base.hash === hash ? base.previous : null,
  };
}

function deedsOf(
  next: TokenState,
  differing: ReadonlySet<string>,
  stored: Credential | null,
  now: number,
): readonly Deed[] {
  const fields = [...differing];
  const shared = stored !== null && fields.some((field) => SHARE_FIELDS.has(field));
  const before = stored?.share ?? null;
  const share = shared ? { before, after: shareRecord(next, before, now) } : null;
  const ofToken = fields.filter((field) => !SHARE_FIELDS.has(field));
  return tokenDeeds(stored?.token ?? null, next.token, ofToken, share);
}

/** Nobody else has what is new, by its secret: a condition for each of a million would only cost. */
function mutationsOf(
  next: TokenState,
  fields: ReadonlySet<string>,
  stored: Credential | null,
  now: number,
): Mutation[] {
  const { token, percentage, byEndpoint } = next;
  const mutations: Mutation[] = [];
  if (stored === null || [...fields].some((field) => !SHARE_FIELDS.has(field))) {
    const replaces = stored === null ? {} : { replacing: stored.token };
    mutations.push({ put: 'token', token: { ...token, lastUpdatedAt: now }, ...replaces });
  }
  const says = percentage !== null || Object.keys(byEndpoint).length > 0;
  if (stored === null ? says : [...fields].some((field) => SHARE_FIELDS.has(field))) {
    const old = stored?.share ?? null;
    const replaces = stored === null ? {} : { replacing: old };
    mutations.push({ put: 'share', share: shareRecord(next, old, now), ...replaces });
  }
  return mutations;
}

function shareRecord({ token, percentage, byEndpoint }: TokenState, old: Share | null, now: number): Share {
  const percentages = { percentage, concurrencyPercentage: old?.concurrencyPercentage ?? null, byEndpoint };
  if (old === null) return newShare(token.id, percentages, 'system', now);
  return { ...old, ...percentages, lastUpdatedAt: now, lastUpdatedBy: 'system' };
}

function labelOf({ name, id }: TokenEntry, stored: Credential | null): string {
  const known = stored?.token.id ?? id;
  return known === undefined ? textOf(name) : `${textOf(name)} ${known}`;
}

function byKey(
  keys: readonly string[],
  found: readonly (Credential | null)[],
): ReadonlyMap<string, Credential> {
  const map = new Map<string, Credential>();
  found.forEach((credential, index) => {
    const key = keys[index];
    if (credential !== null && key !== undefined) map.set(key, credential);
  });
  return map;
}
