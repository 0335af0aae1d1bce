/** A believed token against a store that commits, announces, loses and fails over at random. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Change, TokenSource } from '../../src/domain/store.ts';
import type { Credential } from '../../src/domain/token.ts';
import { Resolver } from '../../src/gateway/resolve/resolver.ts';
import { Breaker } from '../../src/kernel/breaker.ts';
import { type Standing, Vouching } from '../../src/store/redis/vouching.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { aToken, aUser } from '../support/records.ts';

const FRESH = 1_000;
const owner = aUser();
const made = [aToken(owner.id), aToken(owner.id), aToken(owner.id)];

/** Something that a listener is told in its time. */
interface Push {
  readonly version: number;
  readonly hash: string;
}

/** A store whose state is one number for each token, with one subscriber. */
class World implements TokenSource {
  readonly clock: ManualClock = manualClock();
  /** What each commit wrote, in their order; the version is how many there are. */
  #commits: { readonly token: number; readonly value: number }[] = [];
  #history = 0;
  #values = 0;
  /** Each state that a token has had, and since when. */
  readonly states = made.map(() => [{ value: 0, since: 0 }]);
  /** What is under way to the subscriber, whose connection keeps the order. */
  pushes: Push[] = [];
  /** Answers that are under way. */
  readonly answers: (() => void)[] = [];

  commit(token: number, lost: boolean): void {
    this.#values += 1;
    this.#commits.push({ token, value: this.#values });
    this.#note();
    if (!lost) this.pushes.push({ version: this.#commits.length, hash: made[token]?.token.hash ?? '' });
  }

  /** Another server goes on, without the last commits. */
  failOver(losing: number): void {
    this.#history += 1;
    this.#commits = this.#commits.slice(0, Math.max(0, this.#commits.length - losing));
    this.#note();
  }

  standing(): Standing {
    return { history: `${this.#history}`, version: this.#commits.length };
  }

  /** Asked now, answered when the test says so. */
  later<T>(answer: T): Promise<T> {
    return new Promise((resolve) => this.answers.push(() => resolve(answer)));
  }

  findByHash(hash: string): Promise<Credential | null> {
    const index = made.findIndex(({ token }) => token.hash === hash);
    const token = made[index]?.token;
    if (token === undefined) return Promise.resolve(null);
    const lastUpdatedAt = this.#valueOf(index);
    return this.later({ token: { ...token, lastUpdatedAt }, owner, agent: null, share: null });
  }

  zones(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  #valueOf(index: number): number {
    return this.#commits.findLast(({ token }) => token === index)?.value ?? 0;
  }

  #note(): void {
    for (const [index, states] of this.states.entries()) {
      const value = this.#valueOf(index);
      if (states.at(-1)?.value !== value) states.push({ value, since: this.clock.monotonic() });
    }
  }

  /** Whether the token had that value at some moment of the last `FRESH`. */
  wasLately(index: number, value: number): boolean {
    const states = this.states[index] ?? [];
    const from = this.clock.monotonic() - FRESH;
    return states.some(
      (state, at) => state.value === value && (states[at + 1]?.since ?? Number.POSITIVE_INFINITY) >= from,
    );
  }
}

type Step =
  | { readonly do: 'commit'; readonly token: number; readonly lost: boolean }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'push' | 'answer' | 'check' | 'resubscribe' }
  | { readonly do: 'fail-over'; readonly losing: number; readonly noticed: boolean }
  | { readonly do: 'use'; readonly token: number };

const tokenIndex = fc.nat(made.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit'), token: tokenIndex, lost: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.nat(FRESH / 2) }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constantFrom('push', 'answer', 'answer', 'check') }) },
  { weight: 1, arbitrary: fc.constant({ do: 'resubscribe' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail-over'), losing: fc.nat(3), noticed: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('use'), token: tokenIndex }) },
);

const turn = () => new Promise<void>((done) => setImmediate(done));

async function play(steps: readonly Step[]): Promise<void> {
  const world = new World();
  const { clock } = world;
  const resolver = new Resolver(
    world,
    clock,
    new Breaker(clock, 0),
    {
      prefix: 'tg',
      pepper: null,
      failures: null,
      size: 10,
      freshFor: FRESH,
      negativeFreshFor: 0,
      staleFor: FRESH,
    },
    { lookup: () => {} },
  );
  const resubscribe = () => {
    vouching.ended();
    resolver.gap();
    world.pushes = [];
    vouching.began(world.standing());
    resolver.gap();
  };
  const vouching: Vouching = new Vouching(clock, () => world.later(world.standing()), {
    vouched: (askedAt) => resolver.vouched(askedAt),
    gap: () => resolver.gap(),
    elsewhere: resubscribe,
  });
  resubscribe();
  for (const each of steps) {
    switch (each.do) {
      case 'commit':
        world.commit(each.token, each.lost);
        break;
      case 'pass':
        clock.advance(each.ms);
        break;
      case 'push': {
        const push = world.pushes.shift();
        if (push === undefined) break;
        const change: Change = { of: 'tokens', hashes: [push.hash] };
        resolver.changed(change);
        vouching.announced(push.version);
        break;
      }
      case 'answer':
        world.answers.shift()?.();
        await turn();
        break;
      case 'check':
        void vouching.check();
        break;
      case 'resubscribe':
        resubscribe();
        break;
      case 'fail-over':
        world.failOver(each.losing);
        if (each.noticed) resubscribe();
        break;
      case 'use': {
        const found = resolver.resolve(made[each.token]?.secret ?? null);
        if (found instanceof Promise || typeof found === 'string') break;
        const value = found.credential.token.lastUpdatedAt;
        expect(world.wasLately(each.token, value), `at ${clock.monotonic()}: value ${value}`).toBe(true);
      }
    }
  }
}

it('a token is never believed to be what it has not been for longer than freshFor, whatever is lost, late or undone', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), play), {
    numRuns: 300,
    seed: 20,
  });
});
