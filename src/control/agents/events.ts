import { agentParty } from '../../domain/log-event.ts';
import type { EventMutation } from '../../domain/store.ts';
import type { Agent } from '../../domain/user.ts';
import { eventOf } from '../change.ts';
import type { AnyCall } from '../operation.ts';

/** The event of something that happened to an agent: Okta's where it has one, which is for AD agents. */
export function agentEvent(
  call: AnyCall,
  what: 'create' | 'deactivate' | 'reactivate' | 'delete',
  agent: Agent,
): EventMutation {
  const eventType =
    agent.kind === 'AD' ? (`system.agent.ad.${what}` as const) : (`system.agent.${what}` as const);
  return eventOf(call, eventType, [agentParty(agent)], { agentKind: agent.kind });
}
