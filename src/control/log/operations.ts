import { z } from 'zod';
import type { ControlParts } from '../control-parts.ts';
import { type Operation, ok, operation } from '../operation.ts';
import { pageLinks } from '../paging.ts';
import { logQuery, readLogQuery } from './query.ts';
import { readLog } from './read.ts';
import { logEventSchema } from './wire.ts';

/** Reading the System Log, as Okta's API has it (docs/okta.md §8). */
export function logOperations({ store }: ControlParts): readonly Operation[] {
  return [
    operation({
      id: 'listLogEvents',
      method: 'GET',
      path: '/api/v1/logs',
      tag: 'System Log',
      summary: 'List all System Log events',
      description:
        'With `until`, or descending: a range with an end, in the order in which things happened; the last page has no `next` link. ' +
        'Otherwise the log is followed, in the order in which events were taken: every answer, even an empty one, has a `next` link that misses nothing.',
      query: logQuery,
      answer: { status: 200, schema: z.array(logEventSchema) },
      refusals: [400],
      async handle({ query, request, now }) {
        const read = readLogQuery(query, now);
        if (read.kind === 'error') return read;
        const page = await readLog(store, read);
        return ok(page.items, pageLinks(request, page.next, null, ['since']));
      },
    }),
  ];
}
