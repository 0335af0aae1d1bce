import type { FastifyInstance } from 'fastify';
import type { Operation } from '../operation.ts';
import { openApi } from './openapi.ts';
import { descriptionPage, PAGE_POLICY } from './page.ts';

interface Description {
  readonly document: Buffer;
  readonly page: Buffer;
}

/** `/openapi.json` and a page to read it at `/`, for everybody: they describe the API and hold nothing of anybody's. */
export function describeAt(app: FastifyInstance, operations: readonly Operation[]): void {
  let made: Description | null = null;
  // With the first question: it would make each start longer, and most processes are never asked.
  const description = () => {
    made ??= describe(operations);
    return made;
  };
  app.get('/openapi.json', (_request, reply) =>
    reply
      .headers({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
      .send(description().document),
  );
  app.get('/', (_request, reply) =>
    reply
      .headers({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': PAGE_POLICY,
        'x-content-type-options': 'nosniff',
      })
      .send(description().page),
  );
}

function describe(operations: readonly Operation[]): Description {
  const api = openApi(operations);
  return { document: Buffer.from(JSON.stringify(api)), page: Buffer.from(descriptionPage(api)) };
}
