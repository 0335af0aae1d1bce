import type { Judged } from '../../config/apply-file/judgement.ts';
import type { AgentEntry } from '../../config/apply-file/schema.ts';
import { newId } from '../../domain/ids.ts';
import type { Agent } from '../../domain/user.ts';
import type { Claims } from './claims.ts';
import { type Context, WRONG } from './context.ts';
import { agentDeeds } from './events.ts';
import { type Field, textOf } from './fields.ts';

const FIELDS: readonly Field<Agent>[] = [
  { name: 'kind', of: (agent) => agent.kind },
  { name: 'status', of: (agent) => agent.status },
];

/** Plans some agents of the file, which are known by their names. The context has those of the store. */
export function planAgents(
  entries: readonly Judged<AgentEntry>[],
  claims: Claims,
  { agents, draft, rules }: Context,
): void {
  for (const { raw, whole, good } of entries) {
    if (good.name === undefined) continue;
    const known = agents.get(good.name);
    const existing = known === undefined || known === WRONG ? [] : known;
    const holder = claims.claim(good.name, raw.line);
    if (holder !== null) {
      const message = `must be unique: the agent in line ${holder} has this name too`;
      draft.problem(raw.locate({ path: ['name'], message }));
    } else if (existing.length > 1) {
      const message = `is the name of ${existing.length} agents in the store: which is meant cannot be told`;
      draft.problem(raw.locate({ path: ['name'], message }));
    } else if (whole === null) {
      agents.set(good.name, WRONG);
    } else {
      const [old = null] = existing;
      const next = agentOf(whole, old, rules.now);
      agents.set(next.name, [next]);
      draft.add({
        kind: 'agent',
        label: textOf(next.name),
        fields: FIELDS,
        old,
        next,
        mutations: () => [{ put: 'agent', agent: { ...next, lastUpdatedAt: rules.now }, replacing: old }],
        deeds: () => agentDeeds(old, next),
      });
    }
  }
}

function agentOf(entry: AgentEntry, old: Agent | null, now: number): Agent {
  return {
    id: old?.id ?? newId('a53'),
    name: entry.name,
    kind: entry.kind,
    status: entry.status ?? old?.status ?? 'ACTIVE',
    createdAt: old?.createdAt ?? now,
    lastUpdatedAt: old?.lastUpdatedAt ?? now,
  };
}
