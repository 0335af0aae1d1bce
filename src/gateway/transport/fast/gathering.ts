import type { AnswerListener } from './answer-listener.ts';
import type { AnswerTurns } from './answer-turns.ts';
import type { RequestSender } from './request-sender.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/**
 * The requests that one connection takes in one turn of the event loop, to be written together. A listener and its request
 * enter together, so that whose turn it is and what was written are always in the same order.
 */
export class Gathering {
  readonly #turns: AnswerTurns;
  /** Requests that are complete with their heads. */
  #heads = '';
  /** How many are still taken. */
  #mayJoin = 0;
  /** Whose request is being taken, to be written behind others. */
  #joining: AnswerListener | null = null;

  constructor(turns: AnswerTurns) {
    this.#turns = turns;
  }

  /** Whether nobody has a request here. */
  get isEmpty(): boolean {
    return this.#heads === '';
  }

  /** @param most how many requests are taken */
  begin(most: number): void {
    this.#mayJoin = most;
  }

  /** Lets `listener` give its request to the connection, behind those that are here. */
  join(listener: AnswerListener, connection: UpstreamConnection): void {
    this.#joining = listener;
    listener.opened(connection);
    this.#joining = null;
  }

  /** Takes a request. @returns whether no more are taken */
  keep(head: string): boolean {
    if (this.#joining !== null) this.#turns.add(this.#joining);
    this.#heads += head;
    this.#mayJoin -= 1;
    return this.#mayJoin === 0;
  }

  /** Writes them all, in one piece. */
  write(sender: RequestSender): void {
    sender.send(this.#heads, null);
    this.#heads = '';
  }
}
