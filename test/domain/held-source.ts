import type { Grant, LeaseQuestion, LeaseRequest, LeaseSource, Returned } from '../../src/domain/lease.ts';
import type { Counted } from '../../src/domain/limit-ledger.ts';
import { StoreAway } from '../../src/domain/store.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { SimulatedWindows } from './simulated-windows.ts';

/** Lets every promise that is settled be heard. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Answers when the test lets it, by the rules of the real one. */
export class HeldSource implements LeaseSource {
  readonly questions: LeaseQuestion[] = [];
  readonly #windows = new SimulatedWindows();
  readonly #clock: ManualClock;
  #answers: ((how: 'answered' | 'lost') => void)[] = [];
  held = false;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  get taken(): LeaseRequest[] {
    return this.questions.flatMap(({ asks }) => asks);
  }

  get returned(): Returned[] {
    return this.questions.flatMap(({ returns }) => returns);
  }

  exchange(question: LeaseQuestion): Promise<readonly Grant[]> {
    this.questions.push(question);
    const grants = this.#windows.exchange(question, this.#clock.now());
    if (!this.held) return Promise.resolve(grants);
    return new Promise((resolve, reject) => {
      this.#answers.push((how) => (how === 'lost' ? reject(new StoreAway('lost')) : resolve(grants)));
    });
  }

  async count(name: string, tokenId: string): Promise<Counted> {
    return this.#windows.count(name, tokenId, this.#clock.now());
  }

  /** Answers everything that was asked so far. */
  async answer(how: 'answered' | 'lost' = 'answered'): Promise<void> {
    for (const answer of this.#answers.splice(0)) answer(how);
    await settled();
  }
}
