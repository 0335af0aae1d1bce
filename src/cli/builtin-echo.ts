import type { Server } from 'node:http';
import type { Config } from '../config/config.ts';
import { ECHO_TARGET } from '../config/network-settings.ts';
import { createEchoUpstream } from './echo-upstream.ts';
import { closed, listening } from './listening.ts';

/** Whether an upstream of the configuration is the one that is built in. */
export function namesEcho({ forward }: Config): boolean {
  return forward.upstreams.some(({ targets }) => targets.includes(ECHO_TARGET));
}

/** The upstream that is built in: started when a configuration first names it. */
export class BuiltinEcho {
  #server: Server | null = null;
  #origin = '';

  /** The configuration with the address of the upstream in place of its name. */
  async resolved(config: Config): Promise<Config> {
    if (!namesEcho(config)) return config;
    if (this.#server === null) {
      this.#server = createEchoUpstream();
      // Each worker has its own.
      const { port } = await listening(this.#server, 0, '127.0.0.1', true);
      this.#origin = `http://127.0.0.1:${port}`;
    }
    const upstreams = config.forward.upstreams.map((upstream) => ({
      ...upstream,
      targets: upstream.targets.map((target) => (target === ECHO_TARGET ? this.#origin : target)),
    }));
    return { ...config, forward: { ...config.forward, upstreams } };
  }

  async close(): Promise<void> {
    if (this.#server !== null) await closed(this.#server);
  }
}
