import { StoreAway } from '../../domain/store.ts';
import type { Breaker } from '../../kernel/breaker.ts';

/** The two ways to ask a ledger, and what is done where its store is away. */
export interface Ways<Request, Answer> {
  /** Answers by what is known here alone; null where the store would have to be asked. */
  readonly here: (request: Request) => Answer | null;
  /** Answers at once where it can. @throws StoreAway (by rejection) */
  readonly ask: (request: Request) => Answer | Promise<Answer>;
  readonly withoutStore: (request: Request) => Answer | Promise<Answer>;
}

/** A ledger whose store nobody waits for who knows that it is away. */
export class BehindBreaker<Request, Answer> {
  readonly #breaker: Breaker;
  readonly #ways: Ways<Request, Answer>;

  constructor(breaker: Breaker, ways: Ways<Request, Answer>) {
    this.#breaker = breaker;
    this.#ways = ways;
  }

  /** Answers at once where the answer is known here. */
  ask(request: Request): Answer | Promise<Answer> {
    if (this.#breaker.open) {
      // What is leased is used first. Only who would ask the store may use up the trial.
      const here = this.#ways.here(request);
      if (here !== null) return here;
      if (!this.#breaker.allows()) return this.#ways.withoutStore(request);
    }
    const answer = this.#ways.ask(request);
    return answer instanceof Promise ? this.#heard(request, answer) : answer;
  }

  #heard(request: Request, answer: Promise<Answer>): Promise<Answer> {
    return answer.then(
      (heard) => {
        this.#breaker.succeeded();
        return heard;
      },
      (error: unknown) => {
        if (!(error instanceof StoreAway)) throw error;
        this.#breaker.failed(error.message);
        return this.#ways.withoutStore(request);
      },
    );
  }
}
