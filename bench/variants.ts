import type { Variant } from './variant.ts';

const alone = { forwards: true, needsRedis: false, addsTo: null };

/** The rows of the table, in its order. */
export const VARIANTS: readonly Variant[] = [
  {
    ...alone,
    name: 'node-http',
    does: 'node:http answers a constant',
    forwards: false,
    load: () => import('./variants/node-http.ts'),
  },
  {
    ...alone,
    name: 'undici',
    does: 'node:http and undici dispatch, forward only',
    load: () => import('./variants/undici.ts'),
  },
  {
    ...alone,
    name: 'http-proxy-3',
    does: 'http-proxy-3, forward only',
    load: () => import('./variants/http-proxy-3.ts'),
  },
  {
    ...alone,
    name: 'fastify-http-proxy',
    does: '@fastify/http-proxy, forward only',
    load: () => import('./variants/fastify-http-proxy.ts'),
  },
];
