/** Endpoints and upstreams share out methods and paths: nothing may have two owners, and no owner may have nothing. */
import type { z } from 'zod';
import { type MatchRule, parseMatch, sameClaim } from '../domain/endpoint-match.ts';
import { ECHO_TARGET } from './network-settings.ts';
import type { Finding } from './problem.ts';
import { at, type Check, type Entry, entriesOf, read, textsOf } from './reading.ts';
import { upstream } from './schema/forward.ts';
import { endpoint } from './schema/limit.ts';

/** A rule, and whose it is. */
interface Claim {
  readonly owner: Entry;
  readonly rule: MatchRule;
}

export const endpointNamesDiffer: Check = (config) =>
  repeatedNames('endpoint', endpoint.shape.name, entriesOf(config, ['endpoints']));

export const upstreamNamesDiffer: Check = (config) =>
  repeatedNames('upstream', upstream.shape.name, entriesOf(config, ['forward', 'upstreams']));

function repeatedNames(kind: string, schema: z.ZodType<string>, entries: readonly Entry[]): Finding[] {
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (const { path, value } of entries) {
    const name = read(schema, value, ['name']);
    if (name === undefined) continue;
    if (seen.has(name)) {
      findings.push({
        path: [...path, 'name'],
        message: `must be unique: another ${kind} is named "${name}" too`,
      });
    }
    seen.add(name);
  }
  return findings;
}

export const endpointClaimsDiffer: Check = (config) => {
  const claims: Claim[] = [];
  const findings: Finding[] = [];
  for (const owner of entriesOf(config, ['endpoints'])) {
    for (const { path, value: match } of textsOf(endpoint.shape.match, owner, 'match')) {
      const rule = parseMatch(match);
      const holder = claims.find((claim) => sameClaim(claim.rule, rule));
      claims.push({ owner, rule });
      if (holder === undefined) continue;
      const whose = holder.owner === owner ? 'this endpoint' : `the endpoint ${nameOf(holder.owner)}`;
      findings.push({
        path,
        message: `"${match}" claims a method and path that ${whose} claims before: leave one of the two out`,
      });
    }
  }
  return findings;
};

export const upstreamsAreReached: Check = (config) => {
  const claims: Claim[] = [];
  return entriesOf(config, ['forward', 'upstreams']).flatMap((owner) => {
    const prefixes = textsOf(upstream.shape.paths, owner, 'paths').map(({ path, value: prefix }) => {
      const rule = parseMatch(`* ${prefix}`);
      const holder = claims.find((claim) => sameClaim(claim.rule, rule))?.owner;
      claims.push({ owner, rule });
      return { path, prefix, holder };
    });
    return takenPrefixes(owner, prefixes);
  });
};

interface Prefix {
  readonly path: Entry['path'];
  readonly prefix: string;
  /** The upstream that has the prefix already. */
  readonly holder: Entry | undefined;
}

function takenPrefixes(owner: Entry, prefixes: readonly Prefix[]): Finding[] {
  const taken = prefixes.filter(({ holder }) => holder !== undefined);
  const unreached =
    prefixes.length > 0 && prefixes.every(({ holder }) => holder !== undefined && holder !== owner);
  if (unreached) {
    const holders = [...new Set(taken.map(({ holder }) => nameOf(holder)))].join(', ');
    const message = `no path reaches this upstream: what it lists leads to ${holders} already`;
    return [{ path: [...owner.path, 'paths'], message }];
  }
  return taken.map(({ path, prefix, holder }) => ({
    path,
    message: `"${prefix}" leads to the upstream ${nameOf(holder)} already: leave one of the two out`,
  }));
}

export const targetsDiffer: Check = (config) =>
  entriesOf(config, ['forward', 'upstreams']).flatMap((owner) => {
    const targets = textsOf(upstream.shape.targets, owner, 'targets');
    return targets.flatMap(({ path, value: target }, index): Finding[] => {
      if (targets.findIndex(({ value }) => value === target) < index) {
        return [{ path, message: `"${target}" is listed before: leave one of the two out` }];
      }
      if (target !== ECHO_TARGET || targets.length === 1) return [];
      return [{ path, message: `"${ECHO_TARGET}" must be the only target of its upstream` }];
    });
  });

function nameOf(entry: Entry | undefined): string {
  return JSON.stringify(at(entry?.value, ['name']) ?? '');
}
