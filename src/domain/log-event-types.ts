/** How grave an event is, in Okta's words. */
export type Severity = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

interface Row {
  readonly displayMessage: string;
  readonly severity: Severity;
  /** The name of the same event in System Log v1; null where none is known. */
  readonly legacy: string | null;
}

const info = (displayMessage: string, legacy: string | null = null): Row => ({
  displayMessage,
  severity: 'INFO',
  legacy,
});
const warning = (displayMessage: string): Row => ({ displayMessage, severity: 'WARN', legacy: null });

/**
 * Every event that this system can cause, by Okta's name for it (docs/okta.md §5 and §8). What Okta has no event
 * for, agents that are not AD agents, carries a name in the manner of its own.
 */
export const LOG_EVENT_TYPES = {
  'system.api_token.create': info('Create API token', 'api.token.create'),
  'system.api_token.update': info('Update API token'),
  'system.api_token.enable': info('Enable API token'),
  'system.api_token.revoke': info('Revoke API token', 'api.token.revoke'),
  'system.api_token.request_outside_allowed_range': warning(
    'API token request from outside the allowed range',
  ),
  'security.request.blocked': warning('Security request blocked'),
  'system.operation.rate_limit.violation': warning('Operation rate limit violation'),
  'system.operation.rate_limit.warning': warning('Operation rate limit warning'),
  'system.org.rate_limit.warning': warning('Rate limit warning'),
  'system.org.rate_limit.violation': warning('Rate limit violation'),
  'system.operation.concurrency_limit.violation': warning('Operation concurrency limit violation'),
  'core.concurrency.org.limit.violation': warning('Too many requests in flight'),
  'system.rate_limit.configuration.update': info('Update rate limit configuration'),
  'zone.create': info('Network zone create'),
  'zone.update': info('Network zone update'),
  'zone.delete': info('Network zone delete'),
  'zone.activate': info('Network zone activate'),
  'zone.deactivate': info('Network zone deactivate'),
  'zone.make_blacklist': info('Network zone mark as blacklist'),
  'zone.remove_blacklist': info('Network zone unmark as blacklist'),
  'user.lifecycle.create': info('Create Okta user'),
  'user.lifecycle.activate': info('Activate Okta user'),
  'user.lifecycle.deactivate': info('Deactivate Okta user'),
  'user.lifecycle.suspend': info('Suspend Okta user'),
  'user.lifecycle.unsuspend': info('Unsuspend Okta user'),
  'user.account.update_profile': info('Update user profile for Okta'),
  'user.account.privilege.grant': info('Grant user privilege'),
  'user.account.privilege.revoke': info('Revoke user privilege'),
  'system.agent.ad.create': info('Create AD agent'),
  'system.agent.ad.deactivate': info('Deactivate AD agent', 'app.ad.config.agent.agent_deactivated'),
  'system.agent.ad.reactivate': info('Reactivate AD agent', 'app.ad.config.agent.agent_reactivated'),
  'system.agent.ad.delete': info('Delete AD agent', 'app.ad.config.agent.agent_deleted'),
  'system.agent.create': info('Create agent'),
  'system.agent.deactivate': info('Deactivate agent'),
  'system.agent.reactivate': info('Reactivate agent'),
  'system.agent.delete': info('Delete agent'),
} as const satisfies Record<string, Row>;

export type LogEventType = keyof typeof LOG_EVENT_TYPES;
