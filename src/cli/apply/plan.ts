import { holdsSecret, type Judged, judge } from '../../config/apply-file/judgement.ts';
import type { EntrySource, RawEntry } from '../../config/apply-file/raw-entry.ts';
import { type EntryKind, entrySchemas } from '../../config/apply-file/schema.ts';
import type { Management, TokenSource } from '../../domain/store.ts';
import type { Agent } from '../../domain/user.ts';
import { planAgents } from './agents.ts';
import { Claims } from './claims.ts';
import { type Context, Owners, type Rules, WRONG } from './context.ts';
import type { Draft } from './draft.ts';
import { type Demotion, keepAnAdministrator } from './last-administrator.ts';
import { tokenFields } from './token-fields.ts';
import { planTokens } from './tokens.ts';
import { planUsers } from './users.ts';
import { findCutOff } from './withdrawn-zones.ts';
import { planZones, type WithdrawnZone } from './zones.ts';

/**
 * Finds what has to be written so that the store holds what the file says, and everything that is wrong with the
 * file; the draft takes both. The file is read twice, tokens last, so that they may refer to what stands after them.
 */
export async function plan(
  source: EntrySource,
  store: Management & TokenSource,
  rules: Rules,
  draft: Draft,
): Promise<void> {
  const context: Context = {
    store,
    rules,
    draft,
    owners: new Owners(store),
    zones: new Map((await store.zones()).map((zone) => [zone.name, zone])),
    agents: byName(await store.agents()),
  };
  const { demotions, withdrawn } = await planAllButTokens(source, context);
  await planAllTokens(source, context);
  await keepAnAdministrator(demotions, context);
  await findCutOff(withdrawn, context);
}

/** What the file takes away, which is judged when all of it is planned. */
interface TakenAway {
  readonly demotions: readonly Demotion[];
  readonly withdrawn: readonly WithdrawnZone[];
}

async function planAllButTokens(source: EntrySource, context: Context): Promise<TakenAway> {
  const claims = { users: new Claims(), zones: new Claims(), agents: new Claims() };
  const demotions: Demotion[] = [];
  const withdrawn: WithdrawnZone[] = [];
  for await (const batch of source.entries(['user', 'zone', 'agent'], (wrong) =>
    context.draft.problem(wrong),
  )) {
    const judged = <T>(kind: EntryKind, judgeOne: (raw: RawEntry) => Judged<T>) =>
      batch.filter((raw) => raw.kind === kind).map((raw) => told(judgeOne(raw), context.draft));
    const { env } = context.rules;
    const users = judged('user', (raw) => judge(entrySchemas.user, raw, env));
    const zones = judged('zone', (raw) => judge(entrySchemas.zone, raw, env));
    const agents = judged('agent', (raw) => judge(entrySchemas.agent, raw, env));
    demotions.push(...(await planUsers(users, claims.users, context)));
    withdrawn.push(...planZones(zones, claims.zones, context));
    planAgents(agents, claims.agents, context);
  }
  return { demotions, withdrawn };
}

async function planAllTokens(source: EntrySource, context: Context): Promise<void> {
  const { draft, rules, zones, agents } = context;
  const claims = { ids: new Claims(), hashes: new Claims() };
  const fields = tokenFields(
    namesOf([...zones.values()].filter((zone) => zone !== WRONG)),
    namesOf([...agents.values()].filter((named) => named !== WRONG).flat()),
  );
  for await (const batch of source.entries(['token'], (wrong) => draft.problem(wrong))) {
    draft.holdsSecrets ||= batch.some(holdsSecret);
    const judged = batch.map((raw) => told(judge(entrySchemas.token, raw, rules.env), draft));
    await planTokens(judged, claims, fields, context);
  }
}

function told<T>(judged: Judged<T>, draft: Draft): Judged<T> {
  for (const problem of judged.problems) draft.problem(problem);
  return judged;
}

function byName(agents: readonly Agent[]): Map<string, readonly Agent[]> {
  const map = new Map<string, readonly Agent[]>();
  for (const agent of agents) map.set(agent.name, [...(map.get(agent.name) ?? []), agent]);
  return map;
}

function namesOf(
  records: readonly { readonly id: string; readonly name: string }[],
): ReadonlyMap<string, string> {
  return new Map(records.map(({ id, name }) => [id, name]));
}
