/** What a token of the file refers to: its secret, its owner, zones, an agent, endpoints. */
import type { Judged } from '../../config/apply-file/judgement.ts';
import type { TokenEntry } from '../../config/apply-file/schema.ts';
import type { Finding } from '../../config/problem.ts';
import { at } from '../../config/reading.ts';
import { ALL_IP_ZONES, type NetworkCondition } from '../../domain/network-condition.ts';
import { indexOfSha256, judgeSecret, secretIndex } from '../../domain/secret.ts';
import { nearest } from '../../domain/suggestion.ts';
import type { Agent } from '../../domain/user.ts';
import { isIpPolicyZone, type Zone } from '../../domain/zone.ts';
import { type Context, type Rules, WRONG } from './context.ts';

/** The index of the token's secret, or why there is none. */
export function secretOf(
  { good, value }: Judged<TokenEntry>,
  { prefix, pepper }: Rules,
): { readonly hash: string } | { readonly findings: readonly Finding[] } {
  const given = ['secret', 'sha256'].filter((key) => at(value, [key]) !== undefined);
  if (given.length !== 1 && typeof value === 'object' && value !== null) {
    const message =
      given.length === 0 ? 'must have a secret or sha256' : 'must have either secret or sha256, not both';
    return { findings: [{ path: [], message }] };
  }
  if (good.sha256 !== undefined) return { hash: indexOfSha256(good.sha256, pepper) };
  if (good.secret === undefined) return { findings: [] };
  if (judgeSecret(good.secret, prefix) !== 'junk') return { hash: secretIndex(good.secret, pepper) };
  const message =
    'cannot be the secret of a token: it must be 40 to 256 characters of A-Z a-z 0-9 . _ ~ + / = -, ' +
    `and one that begins with ${prefix}_ must be as Tollgate made it`;
  return { findings: [{ path: ['secret'], message }] };
}

export interface Referred {
  /** Null when there is no such user. */
  readonly ownerId: string | null;
  /** With ids of zones; undefined when the file says nothing. */
  readonly network: NetworkCondition | undefined;
  /** Undefined when the file says nothing. */
  readonly agent: Agent | null | undefined;
  readonly findings: readonly Finding[];
}

/** Looks up what the token refers to. The context has every zone and agent, and the owner. */
export function referredBy({ good, value }: Judged<TokenEntry>, context: Context): Referred {
  const findings: Finding[] = [];
  const ownerId = good.owner === undefined ? null : context.owners.idOf(good.owner);
  if (good.owner !== undefined && ownerId === null) {
    const message = `there is no user "${good.owner}", neither in this file nor in the store`;
    findings.push({ path: ['owner'], message });
  }
  const network = good.network === undefined ? undefined : networkOf(good.network, context, findings);
  const agent = good.agent === undefined ? undefined : agentOf(good.agent, context, findings);
  findings.push(...unknownEndpoints(value, context.rules.endpoints));
  return { ownerId, network, agent, findings };
}

function networkOf(named: NetworkCondition, { zones }: Context, findings: Finding[]): NetworkCondition {
  const ids = (field: 'include' | 'exclude', names: readonly string[]) =>
    names.map((name, index) => {
      if (name === ALL_IP_ZONES) return name;
      const zone = zones.get(name);
      const message = zoneFault(name, zone, zones);
      if (message !== null) findings.push({ path: ['network', field, index], message });
      return zone === undefined || zone === WRONG ? WRONG : zone.id;
    });
  if ('include' in named) return { connection: 'ZONE', include: ids('include', named.include) };
  if ('exclude' in named) return { connection: 'ZONE', exclude: ids('exclude', named.exclude) };
  return named;
}

/** Why a token may not name the zone (docs/okta.md §2), or null. */
function zoneFault(
  name: string,
  zone: Zone | typeof WRONG | undefined,
  zones: ReadonlyMap<string, unknown>,
): string | null {
  if (zone === WRONG) return null;
  if (zone === undefined) {
    const meant = nearest(name, [...zones.keys()]);
    const hint = meant === null ? '' : `; did you mean "${meant}"?`;
    return `there is no zone "${name}", neither in this file nor in the store${hint}`;
  }
  if (isIpPolicyZone(zone)) return null;
  if (zone.type !== 'IP')
    return `the zone "${name}" is of type ${zone.type}, and a token can name IP zones only`;
  const state = zone.usage === 'BLOCKLIST' ? 'a blocklist' : 'inactive';
  return `the zone "${name}" is ${state}, and a token can name active zones for policies only`;
}

function agentOf(name: string | null, { agents }: Context, findings: Finding[]): Agent | null {
  if (name === null) return null;
  const named = agents.get(name);
  if (named === WRONG) return null;
  const [agent, another] = named ?? [];
  if (agent !== undefined && another === undefined) return agent;
  const message =
    agent === undefined
      ? `there is no agent "${name}", neither in this file nor in the store`
      : `several agents in the store are named "${name}": which is meant cannot be told`;
  findings.push({ path: ['agent'], message });
  return null;
}

/** Looks at what is written, because a parsed map may have dropped a key such as `__proto__`. */
function unknownEndpoints(value: unknown, endpoints: readonly string[]): Finding[] {
  const written = at(value, ['endpoints']);
  if (typeof written !== 'object' || written === null || Array.isArray(written)) return [];
  return Object.keys(written)
    .filter((name) => !endpoints.includes(name))
    .map((name) => {
      const meant = nearest(name, endpoints);
      const hint = meant === null ? '' : `; did you mean ${meant}?`;
      const message = `the configuration has no endpoint of this name${hint}`;
      return { path: ['endpoints', name], message };
    });
}
