/** @fastify/http-proxy as its documentation sets it up, in a process of its own. Arguments: port, upstream's host:port. */
import proxy from '@fastify/http-proxy';
import { fastify } from 'fastify';

const [port, upstream] = process.argv.slice(2);
const server = fastify();
await server.register(proxy, { upstream: `http://${upstream}` });
await server.listen({ port: Number(port), host: '127.0.0.1' });
process.on('SIGTERM', () => process.exit(0));
