import type { FastifyInstance } from 'fastify';
import type { Operation } from '../operation.ts';
import { openApi } from './openapi.ts';
import { descriptionPage, PAGE_POLICY } from './page.ts';

/** `/openapi.json` and a page to read it at `/`, for everybody: they describe the API and hold nothing of anybody's. */
export function describeAt(app: FastifyInstance, operations: readonly Operation[]): void {
  const api = openApi(operations);
  const document = Buffer.from(JSON.stringify(api));
  const page = Buffer.from(descriptionPage(api));
  app.get('/openapi.json', (_request, reply) =>
    reply.headers({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' }).send(document),
  );
  app.get('/', (_request, reply) =>
    reply
      .headers({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': PAGE_POLICY,
        'x-content-type-options': 'nosniff',
      })
      .send(page),
  );
}
