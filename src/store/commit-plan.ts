import {
  type Change,
  type EventMutation,
  type Mutation,
  type RecordMutation,
  StoreConflict,
} from '../domain/store.ts';
import type { Token } from '../domain/token.ts';
import { loginKey, recordText, zoneText } from './records.ts';

/** More changes than this in one commit are announced as "everything": reading all again is then cheaper than the list. */
export const CHANGES_LISTED_MAX = 1000;

/** What is announced when there is too much to list. */
export const EVERYTHING: readonly Change[] = [{ of: 'everything' }];

export type RecordKind = 'user' | 'zone' | 'agent' | 'share' | 'setting' | 'token';
export type Kind = RecordKind | 'event';

/** A mutation that writes something. */
export type Write = RecordMutation | EventMutation;

/** What must hold before anything is written. */
export type Precondition =
  /** The record is stored as this text; null: there is none. */
  | { readonly kind: RecordKind; readonly id: string; readonly record: string | null }
  /** No token that is not revoked refers to this zone. */
  | { readonly unusedZone: string };

/** A commit made ready for either adapter. */
export interface CommitPlan {
  /**
   * At most one for each record: the last. In an order in which every prefix makes sense: what a token refers to
   * is there before the token, and goes after it.
   */
  readonly mutations: readonly Write[];
  readonly preconditions: readonly Precondition[];
  /** What to tell subscribers, but for the tokens: their old hashes only the store knows. */
  readonly changes: readonly Change[];
}

/**
 * Makes a commit ready. What counts is the state after it: two records may exchange their names in one commit, but
 * must not both end up with the same one.
 * @throws StoreConflict when two records of the commit itself claim the same name, login or hash
 */
export function planCommit(mutations: readonly Mutation[]): CommitPlan {
  const last = lastOfEach(mutations);
  const claims = new Set<string>();
  for (const mutation of last) {
    for (const each of claimsOf(mutation)) {
      // As stores write it: halves of characters are all the same to them.
      const claim = each.toWellFormed();
      if (claims.has(claim)) throw conflict(mutation);
      claims.add(claim);
    }
  }
  return { mutations: last, preconditions: preconditionsOf(mutations), changes: changesOf(last) };
}

/** The refusal of a mutation whose name, login or hash another record holds. */
export function conflict(mutation: Write): StoreConflict {
  return new StoreConflict(`${claimInWords(mutation)} is held by another record; nothing was written`);
}

/** The refusal of a commit of which something expected did not hold. */
export function unmet(precondition: Precondition): StoreConflict {
  if ('unusedZone' in precondition) {
    const message = `a token refers to the zone ${precondition.unusedZone}; nothing was written`;
    return new StoreConflict(message, 'in-use');
  }
  const { kind, id } = precondition;
  return new StoreConflict(`the ${kind} ${id} was changed meanwhile; nothing was written`, 'changed');
}

/** What to announce in the end: the changes known before, and the tokens with these hashes. */
export function announced(changes: readonly Change[], hashes: readonly string[]): readonly Change[] {
  if (changes.length + hashes.length > CHANGES_LISTED_MAX) return EVERYTHING;
  return hashes.length === 0 ? changes : [...changes, { of: 'tokens', hashes }];
}

function lastOfEach(mutations: readonly Mutation[]): readonly Write[] {
  const kinds: Record<Kind, Map<string, Write>> = {
    user: new Map(),
    zone: new Map(),
    agent: new Map(),
    share: new Map(),
    setting: new Map(),
    token: new Map(),
    event: new Map(),
  };
  for (const mutation of mutations) {
    if ('expect' in mutation) continue;
    const { kind, id } = recordOf(mutation);
    kinds[kind].set(id, mutation);
    // A share goes with its token.
    if ('remove' in mutation && kind === 'token') kinds.share.delete(id);
  }
  const inOrder = Object.values(kinds).flatMap((records) => [...records.values()]);
  const removals = inOrder.filter((mutation) => 'remove' in mutation).reverse();
  return [...inOrder.filter((mutation) => !('remove' in mutation)), ...removals];
}

/** The record that a mutation concerns; a share has its token's id. */
export function recordOf(mutation: RecordMutation): { kind: RecordKind; id: string };
export function recordOf(mutation: Write): { kind: Kind; id: string };
export function recordOf(mutation: Write): { kind: Kind; id: string } {
  if ('append' in mutation) return { kind: 'event', id: mutation.event.uuid };
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
    case 'setting':
      return { kind: 'setting', id: mutation.name };
  }
}

/** What the mutations expect of the store as it stands: of each record, what the first of them expects. */
function preconditionsOf(mutations: readonly Mutation[]): readonly Precondition[] {
  const expected = new Map<string, Precondition>();
  const expect = (name: string, precondition: Precondition) => {
    if (!expected.has(name)) expected.set(name, precondition);
  };
  for (const mutation of mutations) {
    if ('append' in mutation) continue;
    if ('expect' in mutation) {
      if (mutation.expect === 'zone-unused') expect(`unused ${mutation.id}`, { unusedZone: mutation.id });
      else expect(`zone ${mutation.zone.id}`, stored('zone', mutation.zone.id, zoneText(mutation.zone)));
    } else if (mutation.replacing !== undefined) {
      const { kind, id } = recordOf(mutation);
      expect(`${kind} ${id}`, stored(kind, id, replacedText(mutation)));
    }
  }
  return [...expected.values()];
}

function stored(kind: RecordKind, id: string, record: string | null): Precondition {
  return { kind, id, record };
}

/** The record that the mutation expects to find, as it is stored. */
function replacedText(mutation: RecordMutation): string | null {
  const { replacing } = mutation;
  return replacing === undefined || replacing === null
    ? null
    : recordText(recordOf(mutation).kind, replacing);
}

/** What only one record may hold, written so that claims of different kinds differ. */
function claimsOf(mutation: Write): readonly string[] {
  if (!('put' in mutation)) return [];
  switch (mutation.put) {
    case 'user':
      return [`login ${loginKey(mutation.user.login)}`];
    case 'zone':
      return [`zone ${mutation.zone.name}`];
    case 'token':
      return hashesOf(mutation.token);
    default:
      return [];
  }
}

/** The indexes of all secrets of a token. */
export function hashesOf({ hash, previous }: Token): readonly string[] {
  return previous === null ? [hash] : [hash, previous.hash];
}

/** Names the claim for people; a token's by its id, because its hash is nobody's business. */
function claimInWords(mutation: Write): string {
  if ('put' in mutation && mutation.put === 'user') return `the login "${mutation.user.login}"`;
  if ('put' in mutation && mutation.put === 'zone') return `the zone name "${mutation.zone.name}"`;
  return `the secret of token ${recordOf(mutation).id}`;
}

function changesOf(mutations: readonly Write[]): readonly Change[] {
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
