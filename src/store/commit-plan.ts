import { type Change, type Mutation, StoreConflict } from '../domain/store.ts';
import { loginKey } from './records.ts';

/** More changes than this in one commit are announced as "everything": reading all again is then cheaper than the list. */
export const CHANGES_LISTED_MAX = 1000;

/** What is announced when there is too much to list. */
export const EVERYTHING: readonly Change[] = [{ of: 'everything' }];

/** A commit made ready for either adapter. */
export interface CommitPlan {
  /**
   * At most one for each record: the last. In an order in which every prefix makes sense: what a token refers to
   * is there before the token, and goes after it.
   */
  readonly mutations: readonly Mutation[];
  /** What to tell subscribers, but for the tokens: their old hashes only the store knows. */
  readonly changes: readonly Change[];
}

export type Kind = 'user' | 'zone' | 'agent' | 'share' | 'token';

/**
 * Makes a commit ready. What counts is the state after it: two records may exchange their names in one commit, but
 * must not both end up with the same one.
 * @throws StoreConflict when two records of the commit itself claim the same name, login or hash
 */
export function planCommit(mutations: readonly Mutation[]): CommitPlan {
  const last = lastOfEach(mutations);
  const claims = new Map<string, Mutation>();
  for (const mutation of last) {
    // As stores write it: halves of characters are all the same to them.
    const claim = claimOf(mutation)?.toWellFormed();
    if (claim === undefined) continue;
    if (claims.has(claim)) throw conflict(mutation);
    claims.set(claim, mutation);
  }
  return { mutations: last, changes: changesOf(last) };
}

/** The refusal of a mutation whose name, login or hash another record holds. */
export function conflict(mutation: Mutation): StoreConflict {
  return new StoreConflict(`${claimInWords(mutation)} is held by another record; nothing was written`);
}

/** What to announce in the end: the changes known before, and the tokens with these hashes. */
export function announced(changes: readonly Change[], hashes: readonly string[]): readonly Change[] {
  if (changes.length + hashes.length > CHANGES_LISTED_MAX) return EVERYTHING;
  return hashes.length === 0 ? changes : [...changes, { of: 'tokens', hashes }];
}

function lastOfEach(mutations: readonly Mutation[]): readonly Mutation[] {
  const kinds: Record<Kind, Map<string, Mutation>> = {
    user: new Map(),
    zone: new Map(),
    agent: new Map(),
    share: new Map(),
    token: new Map(),
  };
  for (const mutation of mutations) {
    const { kind, id } = recordOf(mutation);
    kinds[kind].set(id, mutation);
    // A share goes with its token.
    if ('remove' in mutation && kind === 'token') kinds.share.delete(id);
  }
  const inOrder = Object.values(kinds).flatMap((records) => [...records.values()]);
  const removals = inOrder.filter((mutation) => 'remove' in mutation).reverse();
  return [...inOrder.filter((mutation) => 'put' in mutation), ...removals];
}

/** The record that a mutation concerns; a share has its token's id. */
export function recordOf(mutation: Mutation): { kind: Kind; id: string } {
  if ('remove' in mutation) return { kind: mutation.remove, id: mutation.id };
  switch (mutation.put) {
    case 'user':
      return { kind: 'user', id: mutation.user.id };
    case 'zone':
      return { kind: 'zone', id: mutation.zone.id };
    case 'agent':
      return { kind: 'agent', id: mutation.agent.id };
    case 'token':
      return { kind: 'token', id: mutation.token.id };
    case 'share':
      return { kind: 'share', id: mutation.share.tokenId };
  }
}

/** What only one record may hold, written so that claims of different kinds differ; null when the mutation claims nothing. */
function claimOf(mutation: Mutation): string | null {
  if ('remove' in mutation) return null;
  switch (mutation.put) {
    case 'user':
      return `login ${loginKey(mutation.user.login)}`;
    case 'zone':
      return `zone ${mutation.zone.name}`;
    case 'token':
      return mutation.token.hash;
    default:
      return null;
  }
}

/** Names the claim for people; a token's by its id, because its hash is nobody's business. */
function claimInWords(mutation: Mutation): string {
  if ('put' in mutation && mutation.put === 'user') return `the login "${mutation.user.login}"`;
  if ('put' in mutation && mutation.put === 'zone') return `the zone name "${mutation.zone.name}"`;
  return `the secret of token ${recordOf(mutation).id}`;
}

function changesOf(mutations: readonly Mutation[]): readonly Change[] {
  const changes: Change[] = [];
  let zones = false;
  for (const mutation of mutations) {
    const { kind, id } = recordOf(mutation);
    if (kind === 'user' || kind === 'agent') changes.push({ of: kind, id });
    if (kind === 'zone') zones = true;
    if (changes.length > CHANGES_LISTED_MAX) return changes;
  }
  return zones ? [...changes, { of: 'zones' }] : changes;
}
