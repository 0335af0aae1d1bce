import type { Grant, LeaseRequest, LeaseSource, Returned } from '../../src/domain/lease.ts';
import type { Counted } from '../../src/domain/limit-ledger.ts';
import { StoreAway } from '../../src/domain/store.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { SimulatedWindows } from './simulated-windows.ts';

/** Lets every promise that is settled be heard. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Answers when the test lets it, by the rules of the real one. */
export class HeldSource implements LeaseSource {
  readonly taken: LeaseRequest[] = [];
  readonly returned: Returned[] = [];
  readonly #windows = new SimulatedWindows();
  readonly #clock: ManualClock;
  #answers: ((how: 'answered' | 'lost') => void)[] = [];
  held = false;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  take(request: LeaseRequest): Promise<Grant> {
    this.taken.push(request);
    const grant = this.#windows.take(request, this.#clock.now());
    if (!this.held) return Promise.resolve(grant);
    return new Promise((resolve, reject) => {
      this.#answers.push((how) => (how === 'lost' ? reject(new StoreAway('lost')) : resolve(grant)));
    });
  }

  async giveBack(returned: Returned): Promise<void> {
    this.returned.push(returned);
    this.#windows.giveBack(returned);
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
