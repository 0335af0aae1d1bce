/** A whole gateway with an endpoint of which two requests may be under way, in front of an upstream that keeps them. */
import { once } from 'node:events';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { assembleGateway } from '../../src/cli/assemble.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Token } from '../../src/domain/token.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { RawClient } from '../support/raw-client.ts';
import { aToken, aUser } from '../support/records.ts';
import { type SlotUpstream, startSlotUpstream } from './slot-upstream.ts';

export const CONCURRENT = 2;
const SLOW = { name: 'slow', max: null, windowSeconds: 60, concurrent: CONCURRENT };

export interface Holder {
  readonly token: Token;
  readonly secret: string;
}

export interface SlotSite {
  readonly store: Store;
  readonly upstream: SlotUpstream;
  /** What was logged as a bug. */
  readonly bugs: string[];
  /** While it is true, the log fails whenever a request is written to it, and so does the account of the request. */
  accountFails: boolean;
  issue(): Promise<Holder>;
  revoke(holder: Holder): Promise<void>;
  /** Sends a request, on a connection of its own. @param more further header lines, each with its end */
  send(holder: Holder, path: string, method?: string, more?: string): Promise<RawClient>;
  webSocket(holder: Holder, path: string): Promise<WebSocket>;
  /** Resolves when nothing is under way any more, as the store counts it. */
  empty(holder: Holder): Promise<void>;
  /** Holds that exactly as many requests may be under way as the endpoint says, and ends them. */
  expectRoom(holder: Holder, other: Holder): Promise<void>;
  close(): Promise<void>;
}

export interface SlotSiteOptions {
  readonly transport: 'auto' | 'general';
  readonly headTimeout?: string;
  readonly store: Store;
}

let names = 0;
/** A name that no other request has. */
export function newName(): string {
  names += 1;
  return `n${names}`;
}

export async function startSlotSite({
  transport,
  store,
  headTimeout = '60s',
}: SlotSiteOptions): Promise<SlotSite> {
  const upstream = await startSlotUpstream();
  const targets = JSON.stringify(upstream.origins);
  const config = parseConfig(
    `
    listen: { transport: ${transport} }
    limit: { defaultPercentage: 100, unmatched: { max: unlimited } }
    endpoints: [{ name: slow, match: ["* /slow/**", "* /nobody/**"], max: unlimited, concurrent: ${CONCURRENT} }]
    log: { access: true }
    forward:
      headTimeout: ${headTimeout}
      health: { failures: 1000 }
      upstreams:
        - { name: slow, targets: ${targets}, paths: [/] }
        - { name: nobody, targets: ["http://127.0.0.1:1"], paths: [/nobody] }
    `,
    {},
    'x.yaml',
  );
  const bugs: string[] = [];
  const site = { accountFails: false };
  const log = createLog('info', {
    write(text) {
      for (const line of text.trimEnd().split('\n')) {
        const { msg, err } = JSON.parse(line) as { msg: string; err?: { message: string } };
        if (msg === 'a bug') bugs.push(err?.message ?? '');
      }
    },
  });
  // Asked before a line about a request is written.
  log.isLevelEnabled = () => {
    if (site.accountFails) throw new Error('the account has a bug');
    return true;
  };
  const owner = aUser();
  await store.commit([{ put: 'user', user: owner }]);
  const gateway = await assembleGateway(config, store, systemClock, log);
  const { port } = await gateway.transport.listen(0, '127.0.0.1');

  async function send({ secret }: Holder, path: string, method = 'GET', more = ''): Promise<RawClient> {
    const client = await RawClient.connect(port);
    client.send(`${method} ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: SSWS ${secret}\r\n${more}\r\n`);
    return client;
  }
  async function empty({ token }: Holder): Promise<void> {
    await expect.poll(() => store.slots.count(SLOW, token.id)).toEqual({ all: 0, own: 0 });
  }
  return Object.assign(site, {
    store,
    upstream,
    bugs,
    send,
    empty,
    async issue() {
      const made = aToken(owner.id, { createdAt: systemClock.now() });
      await store.commit([{ put: 'token', token: made.token }]);
      return made;
    },
    async revoke({ token }: Holder) {
      await store.commit([{ put: 'token', token: { ...token, revokedAt: systemClock.now() } }]);
    },
    async webSocket({ secret }: Holder, path: string) {
      const headers = { authorization: `SSWS ${secret}` };
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
      await once(webSocket, 'open');
      return webSocket;
    },
    async expectRoom(holder: Holder, other: Holder) {
      const clients: RawClient[] = [];
      for (let begun = 0; begun < CONCURRENT; begun += 1) {
        const name = newName();
        clients.push(await send(holder, `/slow/head/${name}`));
        await upstream.standing(name);
      }
      for (const [each, scope] of [
        [holder, 'token'],
        [other, 'endpoint'],
      ] as const) {
        const crowded = await send(each, `/slow/head/${newName()}`);
        const response = await crowded.response();
        expect([response?.status, response?.header('RateLimit-Policy')]).toEqual([
          429,
          `"concurrent-${scope}";q=${CONCURRENT};qu="concurrent-requests"`,
        ]);
        crowded.destroy();
      }
      for (const client of clients) client.destroy();
      await empty(holder);
    },
    async close() {
      await gateway.stop(0);
      await upstream.close();
    },
  });
}
