import { beforeEach, describe, expect, it } from 'vitest';
import { InProcessSlots } from '../../src/domain/slot-count.ts';
import { isSlot, type Slot } from '../../src/domain/slot-ledger.ts';
import {
  type Arrival,
  type Decision,
  type Permit,
  permit,
  type Rejection,
  reject,
} from '../../src/gateway/decision.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { Pipeline } from '../../src/gateway/pipeline.ts';
import { StageTimes } from '../../src/gateway/stage-times.ts';
import { aToken, aUser } from '../support/records.ts';

const endpoint = { name: 'streams', max: null, windowSeconds: 60, concurrent: 1 };
const owner = aUser();
const credential = { token: aToken(owner.id).token, owner, agent: null, share: null };

let slots: InProcessSlots;
let decide: (arrival: Arrival) => Decision | Promise<Decision>;
let failing: boolean;
let bugs: unknown[];
let pipeline: Pipeline;
beforeEach(() => {
  slots = new InProcessSlots();
  decide = decision;
  failing = false;
  bugs = [];
  pipeline = new Pipeline(
    (arrival) => decide(arrival),
    () => {
      if (failing) throw new Error('account has a bug');
    },
    (bug) => bugs.push(bug),
  );
});

function decision(): Decision {
  const held = slots.hold({ endpoint, tokenId: credential.token.id, share: 1 });
  if (!isSlot(held)) return reject('limit.concurrent-token', { crowded: held });
  const slot: Slot = held;
  return permit({ credential, endpoint, client: '192.0.2.1', spent: null }, slot);
}

const underWay = () => slots.count(endpoint, '').all;

/** An exchange of which the test says when and how it ends. */
class TestExchange implements Exchange {
  readonly arrival: Arrival = {
    requestId: '0'.repeat(32),
    method: 'GET',
    path: '/',
    query: '',
    credential: null,
    peer: '192.0.2.1',
    forwardedFor: null,
    times: new StageTimes(),
  };
  #permit: Permit | null = null;
  #rejection: Rejection | null = null;

  enter(): this {
    pipeline.enter(this);
    return this;
  }

  /** What the client or a limit did while the gate was deciding. */
  giveUp(): void {
    this.#rejection = reject('listen.timeout');
  }

  refuse(rejection: Rejection): void {
    this.#rejection ??= rejection;
  }

  forward(given: Permit): void {
    if (this.#rejection === null) this.#permit = given;
  }

  settle(): void {
    pipeline.settled({
      requestId: this.arrival.requestId,
      arrival: this.arrival,
      decision: this.#rejection?.code ?? 'forwarded',
      permit: this.#permit,
      rejection: this.#rejection,
      status: 200,
      complete: true,
      upstream: null,
      target: null,
      tries: 0,
      bytesIn: 0,
      bytesOut: 0,
    });
  }
}

const heard = () => new Promise((resolve) => setImmediate(resolve));

describe('a slot', () => {
  it('is held from the decision until the exchange has settled', () => {
    const exchange = new TestExchange().enter();
    expect(underWay()).toBe(1);
    exchange.settle();
    expect(underWay()).toBe(0);
  });

  it('is not touched by the end of an exchange that was refused', () => {
    const first = new TestExchange().enter();
    new TestExchange().enter().settle();
    expect(underWay()).toBe(1);
    first.settle();
    expect(underWay()).toBe(0);
  });

  it('is released where the decision came too late for an exchange that was refused meanwhile', async () => {
    decide = async () => decision();
    const exchange = new TestExchange().enter();
    exchange.giveUp();
    await heard();
    exchange.settle();
    expect(underWay()).toBe(0);
  });

  it('is released where the decision came when the exchange was over', async () => {
    decide = async () => decision();
    const exchange = new TestExchange().enter();
    exchange.giveUp();
    exchange.settle();
    await heard();
    expect(underWay()).toBe(0);
  });

  it('is released also where the account of the exchange fails, which ends nothing and is told', () => {
    const exchange = new TestExchange().enter();
    failing = true;
    exchange.settle();
    expect(underWay()).toBe(0);
    expect(pipeline.underway).toBe(0);
    expect(bugs).toEqual([new Error('account has a bug')]);
  });
});
