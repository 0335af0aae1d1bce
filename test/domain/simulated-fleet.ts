import { type LeaseQuestion, leaseLifetimeMs } from '../../src/domain/lease.ts';
import type { Spent } from '../../src/domain/limit-ledger.ts';
import { StoreAway } from '../../src/domain/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { COMMAND_TIMEOUT_MS, type Limits, SimulatedGateway, type Weather } from './simulated-gateway.ts';
import { SimulatedWindows } from './simulated-windows.ts';

/** What may happen in one schedule. All else follows from the seed. */
export interface Climate {
  readonly weather: Weather;
  /** How many crashes, stops, clock jumps and starts happen, in events a second. */
  readonly mishaps: number;
  /** How often an administrator changes something, in changes a second. */
  readonly changes: number;
  /** Demand in a window, in multiples of the endpoint's maximum. */
  readonly pressure: number;
  /** Whether gateways are busy for a while and then idle for a while. */
  readonly bursts: boolean;
}

/** What was admitted in one window, as those who were admitted were told when it ends. */
interface Admitted {
  all: number;
  readonly byToken: Map<string, number>;
}

export interface Outcome {
  /** Of the windows that lay wholly within the schedule, in their order: admitted, and how many could have been. */
  readonly windows: readonly { readonly admitted: number; readonly possible: number }[];
  readonly admitted: number;
  readonly refused: number;
  readonly commands: number;
}

/** A limit, and until when somebody may act on it who no longer believes it. */
interface Former {
  readonly limits: Limits;
  readonly until: number;
}

const ENDPOINT = 'users';

/**
 * Runs one schedule with the real ledger, and throws at the first request that breaks a promise of docs/limits.md.
 */
export async function runSchedule(seed: number, climate: Climate): Promise<Outcome> {
  const fleet = new SimulatedFleet(seed, climate);
  try {
    return await fleet.run();
  } catch (error) {
    throw new Error(`Seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

class SimulatedFleet {
  readonly #random: SeededRandom;
  readonly #climate: Climate;
  readonly #world: ManualClock;
  readonly #windows = new SimulatedWindows();
  readonly #windowSeconds: number;
  readonly #tokens: readonly string[];
  readonly #serverOffset: number;
  /** For how long after the last gateway learned of a change something of before may still be spent. */
  readonly #settleMs: number;
  /** Whether this schedule's machines are suspended, or have their wall clocks set. Never both at once. */
  readonly #suspends: boolean;
  readonly #admitted = new Map<number, Admitted>();
  #gateways: SimulatedGateway[] = [];
  #gone: SimulatedGateway[] = [];
  #limits: Limits;
  readonly #former: Former[] = [];
  readonly #idle = new Set<SimulatedGateway>();
  #refused = 0;
  #problem: string | null = null;

  constructor(seed: number, climate: Climate) {
    this.#random = seededRandom(seed);
    this.#climate = climate;
    this.#world = manualClock(1_700_000_000_000 + this.#random.between(0, 1000));
    this.#windowSeconds = this.#random.whole(1, 2);
    this.#settleMs = leaseLifetimeMs(this.#windowSeconds) * 1.01 + 3 * COMMAND_TIMEOUT_MS;
    const tokens = this.#random.chance(0.2) ? this.#random.whole(20, 150) : this.#random.whole(1, 5);
    this.#tokens = Array.from({ length: tokens }, (_, at) => `t${at}`);
    this.#serverOffset = this.#random.between(-3_600_000, 3_600_000);
    this.#suspends = this.#random.chance(0.5);
    this.#limits = this.#someLimits();
    for (let count = this.#random.whole(1, 5); count > 0; count--) this.#start();
  }

  async run(): Promise<Outcome> {
    const end = this.#windowSeconds * 2000 + 1200;
    while (this.#world.monotonic() < end) {
      const step = this.#random.between(1, 8);
      this.#happen(step / 1000);
      for (const gateway of this.#gateways) this.#demand(gateway, step);
      this.#world.advance(step);
      // Answers become admissions within a few turns of the microtask queue.
      for (let turn = 0; turn < 8; turn++) await null;
      if (this.#problem !== null) throw new Error(this.#problem);
    }
    return this.#outcome();
  }

  #start(): void {
    const windows = {
      exchange: (question: LeaseQuestion) => this.#windows.exchange(question, this.#serverNow()),
      count: (endpoint: string, tokenId: string) => this.#windows.count(endpoint, tokenId, this.#serverNow()),
    };
    this.#gateways.push(
      new SimulatedGateway(this.#world, windows, this.#random, this.#climate.weather, this.#limits),
    );
  }

  #serverNow(): number {
    return this.#world.now() + this.#serverOffset;
  }

  #happen(seconds: number): void {
    if (this.#random.chance(this.#climate.changes * seconds)) this.#change();
    if (!this.#random.chance(this.#climate.mishaps * seconds)) return;
    const gateway = this.#random.pick(this.#gateways);
    const what = this.#random.whole(1, 4);
    if (what === 1 && this.#gateways.length > 1) this.#end(gateway);
    else if (what === 2 && this.#gateways.length < 6) this.#start();
    else if (this.#suspends || what === 3) {
      gateway.machine.stop(this.#random.between(1, 2500), this.#suspends ? 'suspend' : 'stop');
    } else gateway.machine.wallOffset += this.#random.between(-10_000, 10_000);
  }

  /** Crashes a gateway, or ends it in good order, which one that stands still cannot. */
  #end(gateway: SimulatedGateway): void {
    this.#gateways = this.#gateways.filter((each) => each !== gateway);
    this.#gone.push(gateway);
    this.#forgetLater(gateway.believed);
    if (!gateway.machine.running || this.#random.chance(0.5)) gateway.machine.crash();
    else void gateway.ledger.close();
  }

  #change(): void {
    const limits = this.#someLimits();
    this.#limits = limits;
    for (const gateway of this.#gateways) {
      this.#world.after(this.#random.between(0, 200), () =>
        gateway.machine.deliver(() => {
          // Of two changes that overtake each other, the later is believed.
          if (this.#limits !== limits) return;
          this.#forgetLater(gateway.believed);
          gateway.believed = limits;
        }),
      );
    }
  }

  #forgetLater(limits: Limits): void {
    if (this.#climate.changes > 0)
      this.#former.push({ limits, until: this.#world.monotonic() + this.#settleMs });
  }

  #someLimits(): Limits {
    const max = this.#random.chance(0.2) ? this.#random.whole(500, 2000) : this.#random.whole(1, 300);
    const shares = this.#tokens.map((token): [string, number] => {
      const percentage = this.#random.pick([10, 50, 75, 100]);
      return [token, Math.max(1, Math.floor((max * percentage) / 100))];
    });
    return { max, shares: new Map(shares) };
  }

  #demand(gateway: SimulatedGateway, stepMs: number): void {
    if (this.#climate.bursts && this.#random.chance(stepMs / 200)) {
      if (!this.#idle.delete(gateway)) this.#idle.add(gateway);
    }
    if (!gateway.machine.running || this.#idle.has(gateway)) return;
    const { max, shares } = gateway.believed;
    const perMs = (this.#climate.pressure * max) / (this.#windowSeconds * 1000) / this.#gateways.length;
    const expected = perMs * stepMs;
    const count = Math.floor(expected) + (this.#random.chance(expected % 1) ? 1 : 0);
    const endpoint = { name: ENDPOINT, max, windowSeconds: this.#windowSeconds };
    for (let i = 0; i < count; i++) {
      const tokenId = this.#random.pick(this.#tokens);
      const spent = gateway.ledger.spend({ endpoint, tokenId, share: shares.get(tokenId) ?? 0 });
      if (spent instanceof Promise) this.#wait(gateway, tokenId, spent);
      else this.#answered(tokenId, spent, this.#world.monotonic());
    }
  }

  #wait(gateway: SimulatedGateway, tokenId: string, spent: Promise<Spent>): void {
    const { believed, machine } = gateway;
    const since = this.#world.monotonic();
    const answered = (answer: Spent) => {
      this.#answered(tokenId, answer, since);
      // It may have been asked for under limits that its gateway has left since.
      if (gateway.believed !== believed) this.#forgetLater(believed);
    };
    spent.then(
      (answer) => machine.deliver(() => answered(answer)),
      (error: unknown) => {
        if (!(error instanceof StoreAway)) this.#problem ??= `${error}`;
      },
    );
  }

  /** @param since when the request came */
  #answered(tokenId: string, { admitted, remaining, resetAt, limit }: Spent, since: number): void {
    if (remaining < 0 || remaining > limit) this.#problem ??= `${remaining} of ${limit} were said to be left`;
    if (!admitted) {
      this.#refused += 1;
      return;
    }
    if (this.#serverNow() >= resetAt) this.#problem ??= 'a request was admitted after its window had ended';
    let window = this.#admitted.get(resetAt);
    if (window === undefined) {
      window = { all: 0, byToken: new Map() };
      this.#admitted.set(resetAt, window);
    }
    const own = window.byToken.get(tokenId) ?? 0;
    const { max, share } = this.#inForce(tokenId, since);
    if (window.all >= max) this.#problem ??= `request ${window.all + 1} of ${max} was admitted`;
    if (own >= share) this.#problem ??= `request ${own + 1} of ${share} was admitted to ${tokenId}`;
    window.all += 1;
    window.byToken.set(tokenId, own + 1);
  }

  /** The most that any gateway goes by, or has gone by since then: found in place, for each request that is admitted. */
  #inForce(tokenId: string, since: number): { readonly max: number; readonly share: number } {
    let max = 0;
    let share = 0;
    const consider = (limits: Limits) => {
      max = Math.max(max, limits.max);
      share = Math.max(share, limits.shares.get(tokenId) ?? 0);
    };
    for (const { believed } of this.#gateways) consider(believed);
    for (const { limits, until } of this.#former) if (until >= since) consider(limits);
    return { max, share };
  }

  #outcome(): Outcome {
    const { max, shares } = this.#limits;
    const possible = Math.min(
      max,
      [...shares.values()].reduce((sum, share) => sum + share, 0),
    );
    const ended = [...this.#admitted].filter(([resetAt]) => resetAt <= this.#serverNow());
    const gateways = [...this.#gateways, ...this.#gone];
    return {
      windows: ended.map(([, { all }]) => ({ admitted: all, possible })),
      admitted: [...this.#admitted.values()].reduce((sum, { all }) => sum + all, 0),
      refused: this.#refused,
      commands: gateways.reduce((sum, { link }) => sum + link.commands, 0),
    };
  }
}
