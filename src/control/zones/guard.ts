/** What may not be done to zones because of who uses them. */
import type { Expectation } from '../../domain/store.ts';
import { isIpPolicyZone, type Zone } from '../../domain/zone.ts';
import { type ApiError, invalid } from '../api-error.ts';
import type { ControlParts } from '../control-parts.ts';
import { blockingOut, lockOut, refersTo } from '../lock-out.ts';
import type { Caller } from '../operation.ts';

/** Most IP entries in all zones together (docs/okta.md §3, "Limits"). */
const ENTRIES_MAX = 25_000;
/** At most this many tokens are named in a refusal. */
const TOKENS_NAMED = 20;

/** What a change does, judged. */
export interface JudgedChange {
  readonly kind: 'judged';
  /** What must still hold when it is written. */
  readonly expectations: readonly Expectation[];
}

export interface ZoneChange {
  readonly caller: Caller;
  /** Null for a new zone. */
  readonly before: Zone | null;
  /** Null for one that goes. */
  readonly after: Zone | null;
  /** Whether the caller's own token may be locked out. */
  readonly force: boolean;
}

/** Judges a change of a zone by all the other records. */
export async function judgeChange(
  { store }: ControlParts,
  change: ZoneChange,
): Promise<JudgedChange | ApiError> {
  const { before, after } = change;
  const zones = await store.zones();
  const others = zones.filter(({ id }) => id !== (before ?? after)?.id);
  const taken = others.some(({ name }) => name === after?.name);
  if (taken) return invalid('name', `name: There is a network zone with the name ${after?.name} already.`);
  const full = after === null ? null : tooFull(others, after);
  if (full !== null) return full;
  const expectations: Expectation[] = [];
  if (before !== null && (after === null || !isIpPolicyZone(after))) {
    const inUse = await usedBy(store, before);
    if (inUse !== null) return inUse;
    expectations.push({ expect: 'zone-unused', id: before.id });
  }
  const lockedOut = lockingOut(change, after === null ? others : [...others, after]);
  return lockedOut ?? { kind: 'judged', expectations };
}

function tooFull(others: readonly Zone[], after: Zone): ApiError | null {
  const entries = [...others, after].reduce(
    (sum, { gateways, proxies }) => sum + gateways.length + proxies.length,
    0,
  );
  if (entries <= ENTRIES_MAX) return null;
  return invalid(
    'gateways',
    `gateways: No more than ${ENTRIES_MAX} IP entries may be in all zones together.`,
  );
}

/** The refusal that names the tokens which refer to the zone; null when none does (docs/okta.md §2, "Reverse protection"). */
async function usedBy(store: ControlParts['store'], { id, name }: Zone): Promise<ApiError | null> {
  const tokens = await store.tokensOfZone(id, TOKENS_NAMED + 1);
  if (tokens.length === 0) return null;
  const named = tokens
    .slice(0, TOKENS_NAMED)
    .map((token) => `id: The zone ${name} (${id}) is used by the token ${token.name} (${token.id}).`);
  const more = tokens.length > TOKENS_NAMED ? ['id: And by more tokens.'] : [];
  return invalid('id', ...named, ...more, 'id: Remove the zone from the tokens first.');
}

function lockingOut({ caller, before, after, force }: ZoneChange, zones: readonly Zone[]): ApiError | null {
  const id = (before ?? after)?.id ?? '';
  if (force) return null;
  const blockedOut = blockingOut(caller, zones);
  if (blockedOut !== null) return blockedOut;
  if (!refersTo(caller.token.network, id)) return null;
  return lockOut(caller, after === null ? 'id' : 'gateways', caller.token.network, zones);
}
