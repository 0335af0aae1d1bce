/** One gateway of a fleet, as far as it counts: the limit stage on the Redis store, and a load that asks it all the time. */
import type { Credential } from '../../src/domain/token.ts';
import { LimitStage, type LimitVerdict } from '../../src/gateway/limit/limit-stage.ts';
import { Breaker } from '../../src/kernel/breaker.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRedisStore, type RedisStore } from '../../src/store/redis/store.ts';
import { answerQuestions } from '../child.ts';

export interface FleetLoad {
  readonly endpoint: { readonly name: string; readonly max: number; readonly windowSeconds: number };
  readonly tokens: readonly Credential[];
  /** The share of each token, in percent. */
  readonly percentage: number;
  /** The load ends after so long, or when nobody was admitted for two seconds. */
  readonly seconds: number;
}

export interface FleetCounts {
  readonly admitted: number;
  readonly refused: number;
  /** Questions for leases. */
  readonly asked: number;
  /** Requests that had to wait for Redis. */
  readonly waited: number;
  /** What the stage took for a request that was answered from a lease, in microseconds: 99 of 100 took no longer. Null where all waited. */
  readonly leasedP99: number | null;
}

export type FleetGateway = {
  open(url: string): Promise<void>;
  load(load: FleetLoad): Promise<FleetCounts>;
  close(argument: undefined): Promise<void>;
};

/** How many requests may wait at the same time. */
const CONNECTIONS = 64;
const AT_ONCE = 100;
const RETRY_AFTER_MS = 1_000;

let store: RedisStore | null = null;

answerQuestions({
  async open(url: string) {
    store = await openRedisStore({ url, prefix: 'tg:', commandTimeoutMs: 2_000, clock: systemClock });
  },
  async load(load: FleetLoad) {
    if (store === null) throw new Error('the store is not open');
    return loadStore(store, load);
  },
  close: () => store?.close(),
} satisfies Record<keyof FleetGateway, unknown>);

async function loadStore({ ledger }: RedisStore, load: FleetLoad): Promise<FleetCounts> {
  const { endpoint, tokens, percentage, seconds } = load;
  // Redis is there all the time: without it a request is refused, and the table shows too few.
  const policy = { defaultPercentage: percentage, onStoreAway: 'deny', gateways: 1 } as const;
  const stage = new LimitStage(ledger, ledger, systemClock, new Breaker(systemClock, RETRY_AFTER_MS), policy);
  const counts = { admitted: 0, refused: 0, waited: 0 };
  const askedSoFar = () => ledger.leases?.asked ?? 0;
  const askedBefore = askedSoFar();
  let lastAdmitted = performance.now();
  const count = (verdict: LimitVerdict) => {
    if (typeof verdict === 'string' || !verdict.admitted) counts.refused += 1;
    else {
      counts.admitted += 1;
      lastAdmitted = performance.now();
    }
  };
  const took: number[] = [];
  const end = performance.now() + seconds * 1000;
  let waiting = 0;
  let next = Math.floor(Math.random() * tokens.length);
  while (performance.now() < Math.min(end, lastAdmitted + 2000)) {
    for (let i = 0; i < AT_ONCE && waiting < CONNECTIONS; i++) {
      const credential = tokens[next++ % tokens.length];
      if (credential === undefined) throw new Error('there are no tokens');
      const begun = performance.now();
      const verdict = stage.spend(credential, endpoint);
      if (verdict instanceof Promise) {
        counts.waited += 1;
        waiting += 1;
        void verdict.then((late) => {
          waiting -= 1;
          count(late);
        });
      } else {
        if (typeof verdict !== 'string' && verdict.admitted) took.push((performance.now() - begun) * 1000);
        count(verdict);
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (waiting > 0) await new Promise((resolve) => setImmediate(resolve));
  took.sort((a, b) => a - b);
  const asked = askedSoFar() - askedBefore;
  return { ...counts, asked, leasedP99: took[Math.floor(took.length * 0.99)] ?? null };
}
