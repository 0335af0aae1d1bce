/** @fastify/http-proxy alone, as its documentation sets it up. */
import fastifyHttpProxy from '@fastify/http-proxy';
import fastify from 'fastify';
import type { Setting } from '../variant.ts';

export async function start({ upstream }: Setting): Promise<string> {
  const app = fastify();
  await app.register(fastifyHttpProxy, { upstream });
  return app.listen({ host: '127.0.0.1', port: 0 });
}
