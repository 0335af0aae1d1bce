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
  {
    ...alone,
    name: 'general',
    does: 'Tollgate, general transport, a gate that lets all pass',
    addsTo: 'undici',
    load: () => import('./variants/tollgate-general.ts'),
  },
  {
    ...alone,
    name: 'transport',
    does: 'Tollgate, fast transport, a gate that lets all pass',
    load: () => import('./variants/tollgate-transport.ts'),
  },
  {
    ...alone,
    name: 'resolve',
    does: '+ resolve: the token from the cache',
    addsTo: 'transport',
    load: () => import('./variants/tollgate-resolve.ts'),
  },
  {
    ...alone,
    name: 'zone',
    does: '+ zone: a token bound to a network zone',
    addsTo: 'resolve',
    load: () => import('./variants/tollgate-zone.ts'),
  },
  {
    ...alone,
    name: 'limit',
    does: '+ limit: endpoint and budgets, counted in the process',
    addsTo: 'zone',
    load: () => import('./variants/tollgate-limit.ts'),
  },
  {
    ...alone,
    name: 'account',
    does: '+ account: all stages, store embedded',
    addsTo: 'limit',
    load: () => import('./variants/tollgate-whole.ts'),
  },
  {
    ...alone,
    name: 'redis',
    does: 'all stages, store redis',
    needsRedis: true,
    addsTo: 'account',
    load: () => import('./variants/tollgate-whole.ts'),
  },
];
