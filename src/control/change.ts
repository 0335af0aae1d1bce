import { type LogEvent, type LogParty, logEvent } from '../domain/log-event.ts';
import type { LogEventType } from '../domain/log-event-types.ts';
import { type EventMutation, StoreConflict } from '../domain/store.ts';
import { type ApiError, PRECONDITION_FAILED } from './api-error.ts';
import { matches } from './etag.ts';
import type { AnyCall, Reply } from './operation.ts';

/** How often a change is tried when others change the same records at the same time. */
const ATTEMPTS = 5;

/**
 * Makes a change from fresh records: when the store finds that one of them was changed meanwhile, or that a name was
 * taken, reads and judges everything again, so that two people cannot undo each other's change without knowing.
 * @param attempt reads, judges and commits, with `replacing` or an expectation for what it read
 * @throws StoreConflict when it keeps happening
 */
export async function fromFresh(attempt: () => Promise<Reply>): Promise<Reply> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StoreConflict) || count === ATTEMPTS) throw error;
    }
  }
}

/** Null when `If-Match` lets the change go ahead. @param current the entity tag of the record as it is */
export function precondition({ request }: AnyCall, current: string): ApiError | null {
  return matches(request.ifMatch, current) ? null : PRECONDITION_FAILED;
}

/** The event of a change that a call makes, to be committed with it. */
export function eventOf(
  call: AnyCall,
  eventType: LogEventType,
  targets: readonly LogParty[],
  debugData: LogEvent['debugData'] = {},
): EventMutation {
  const { caller, request, now } = call;
  const event = logEvent({
    eventType,
    actor: caller.user,
    tokenId: caller.token.id,
    targets,
    debugData,
    client: request.client,
    requestId: request.id,
    now,
  });
  return { append: 'event', event };
}
