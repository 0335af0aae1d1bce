/** http-proxy-3 alone, set up as its documentation advises: with an agent that keeps connections. */
import { Agent, createServer } from 'node:http';
import { createProxyServer } from 'http-proxy-3';
import { listenOnLoopback } from '../listen.ts';
import type { Setting } from '../variant.ts';

export function start({ upstream }: Setting): Promise<string> {
  const proxy = createProxyServer({ target: upstream, agent: new Agent({ keepAlive: true }) });
  return listenOnLoopback(createServer((request, response) => proxy.web(request, response)));
}
