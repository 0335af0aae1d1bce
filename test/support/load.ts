/** Clients that ask one request after the other, each over one connection that it keeps as long as it may. */
import { Agent, request } from 'node:http';
import { setTimeout as after } from 'node:timers/promises';

/** Between the requests of one client: enough of them are under way at any moment, and the processor is left to others. */
const PAUSE_MS = 5;

export interface Answered {
  readonly status: number;
  readonly requestId: string;
  readonly body: string;
}

/** Asks for one request. A rejection when there is no whole answer. */
export function ask(
  agent: Agent | false,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | null = null,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const options = { agent, headers: { ...headers }, method: body === null ? 'GET' : 'POST' };
    const call = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.once('error', reject);
      response.once('close', () => {
        if (!response.complete) reject(new Error('the answer broke off'));
        const requestId = response.headers['x-request-id']?.toString() ?? '';
        resolve({ status: response.statusCode ?? 0, requestId, body: text });
      });
    });
    call.once('error', reject);
    call.end(body);
  });
}

/** An agent with one connection, which it keeps. */
export function oneConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}

/**
 * Runs so many clients until told to stop.
 * @param turn what one client does again and again; it must not reject
 * @returns what stops them, and waits for their last turns
 */
export function keepAsking(clients: number, turn: (client: number) => Promise<void>): () => Promise<void> {
  let going = true;
  const run = async (client: number) => {
    while (going) {
      await turn(client);
      await after(PAUSE_MS);
    }
  };
  const all = Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  return async () => {
    going = false;
    await all;
  };
}
