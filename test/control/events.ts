import { z } from 'zod';
import type { Ask } from './control-plane.ts';

const event = z.object({
  eventType: z.string(),
  actor: z.object({ id: z.string() }),
  target: z.array(z.object({ id: z.string(), type: z.string() })),
  debugContext: z.object({ debugData: z.record(z.string(), z.string()) }),
  transaction: z.object({ id: z.string(), detail: z.object({ requestApiTokenId: z.string() }) }),
});

export type ShownEvent = z.output<typeof event>;

/** The System Log's events about one record, the oldest first. */
export async function eventsAbout(id: string, ask: Ask): Promise<readonly ShownEvent[]> {
  const filter = encodeURIComponent(`target.id eq "${id}"`);
  const { body } = await ask('GET', `/api/v1/logs?limit=1000&filter=${filter}`);
  return z.array(event).parse(body);
}
