/** Opens connections, asks once on each, and keeps them open. */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { answerQuestions } from '../child.ts';

export interface IdleConnections {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly count: number;
}

export type IdleConnectionsProcess = {
  /** Resolves when each has had its answer. Fails when one was not answered with 200. */
  open(connections: IdleConnections): Promise<void>;
  /** Closes them all. */
  close(): void;
};

/** So many are opened at the same time. */
const AT_ONCE = 100;

let agent = newAgent();

function newAgent(): Agent {
  return new Agent({ keepAlive: true, maxFreeSockets: Number.POSITIVE_INFINITY });
}

async function open({ url, headers, count }: IdleConnections): Promise<void> {
  // All are open before the first is free again: an agent would rather use one that is.
  const held: (() => void)[] = [];
  for (let opened = 0; opened < count; opened += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - opened) }, () => askAndHold(url, headers));
    held.push(...(await Promise.all(batch)));
  }
  for (const release of held) release();
}

/** @returns what gives the connection back to the agent */
async function askAndHold(url: string, headers: Readonly<Record<string, string>>): Promise<() => void> {
  const asked = request(url, { agent, headers: { ...headers } });
  asked.end();
  const [response] = await once(asked, 'response');
  if (response.statusCode !== 200) throw new Error(`answered with ${response.statusCode}`);
  return () => response.resume();
}

answerQuestions({
  open,
  close() {
    agent.destroy();
    agent = newAgent();
  },
} satisfies IdleConnectionsProcess);
