import type { Redis } from 'ioredis';
import type { Clock } from '../../kernel/clock.ts';
import { placeOf, reasonOf } from './client.ts';
import type { Connection } from './connection.ts';
import { type FitnessFinding, judgeFitness, type ServerFacts } from './fitness.ts';
import { askAllFacts, askFacts, type Wanted } from './server-facts.ts';
import type { Subscription } from './subscription.ts';

type Ask = (server: Redis, wanted: Wanted) => Promise<ServerFacts>;

/** What is wrong with the store, in lines for people. */
export class Health {
  readonly #connection: Connection;
  readonly #subscription: Subscription;
  readonly #clock: Clock;
  readonly #wanted: Wanted;

  /** @param needsWaitaof whether changes may only be written where the server says what is on disk */
  constructor(
    connection: Connection,
    subscription: Subscription,
    clock: Clock,
    url: string,
    needsWaitaof: boolean,
  ) {
    this.#connection = connection;
    this.#subscription = subscription;
    this.#clock = clock;
    this.#wanted = { kind: placeOf({ url }).kind, needsWaitaof };
  }

  /** What is wrong with this Redis as the system of record, the gravest first. @throws StoreAway */
  fitness(): Promise<readonly FitnessFinding[]> {
    return this.#judge((server, wanted) => askAllFacts(server, wanted, this.#clock));
  }

  /** Why the store is not fit for use just now, in one line; null when it is. Never rejects. */
  async trouble(): Promise<string | null> {
    try {
      const { partProblem } = this.#connection;
      if (partProblem !== null) return partProblem;
      const [first] = (await this.#judge(askFacts)).filter(({ severity }) => severity === 'unfit');
      if (first !== undefined) return `Redis at ${this.#connection.address} is not fit: ${first.line}`;
      const { problem } = this.#subscription;
      return problem && `Changes do not arrive from Redis at ${this.#connection.address}: ${problem}`;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Judges each server that takes writes; in a cluster each line says of which it speaks. */
  async #judge(ask: Ask): Promise<readonly FitnessFinding[]> {
    const servers = this.#connection.servers();
    const facts = await this.#connection.ask(() =>
      Promise.all(servers.map((server) => ask(server, this.#wanted))),
    );
    return facts.flatMap((each, i) => {
      const { host, port } = servers[i]?.options ?? {};
      const whose = this.#wanted.kind === 'cluster' ? `${host}:${port}: ` : '';
      return judgeFitness(each).map(({ severity, line }) => ({ severity, line: `${whose}${line}` }));
    });
  }
}
