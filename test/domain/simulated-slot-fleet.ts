import { LeasedSlots } from '../../src/domain/leased-slots.ts';
import { SLOT_LEASE_MS, type SlotSource, type SlotStatement } from '../../src/domain/slot-lease.ts';
import { isSlot, type Slot, type SlotRefusal } from '../../src/domain/slot-ledger.ts';
import { StoreAway } from '../../src/domain/store.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { COMMAND_TIMEOUT_MS, SimulatedMachine, type Weather } from './simulated-gateway.ts';
import { SimulatedSlots } from './simulated-slots.ts';

/** What may happen in one schedule. All else follows from the seed. */
export interface SlotClimate {
  readonly weather: Weather;
  /** How many crashes, stops, clock jumps and starts happen, in events a second. */
  readonly mishaps: number;
  /** How often an administrator changes something, in changes a second. */
  readonly changes: number;
}

export interface SlotOutcome {
  readonly admitted: number;
  readonly refused: number;
  readonly commands: number;
  /** The most that was ever under way at once, of what was possible under the limits then. */
  readonly fullest: number;
}

/** The maximum and the shares of it, in requests at once. */
interface Limits {
  readonly max: number;
  readonly shares: ReadonlyMap<string, number>;
}

/** One request that is under way at a gateway. */
interface Request {
  readonly tokenId: string;
  readonly slot: Slot;
  /** The source no longer counts it: its gateway was not heard for as long as a lease. */
  forgotten: boolean;
}

const NAME = 'users';
const RUN_MS = 9_000;

/** One gateway process: the real ledger on a simulated machine, and what it has under way. */
class Gateway implements SlotSource {
  readonly machine: SimulatedMachine;
  readonly slots: LeasedSlots;
  readonly requests = new Set<Request>();
  believed: Limits;
  /** When the source heard from it last, in true time. */
  heardAt = Number.NEGATIVE_INFINITY;
  commands = 0;
  readonly #fleet: SlotFleet;

  constructor(fleet: SlotFleet, name: string, believed: Limits) {
    this.#fleet = fleet;
    this.machine = new SimulatedMachine(fleet.world, fleet.random);
    this.slots = new LeasedSlots(this, this.machine.clock, name);
    this.believed = believed;
  }

  state(statement: SlotStatement) {
    return this.#carry(() => {
      const grant = this.#fleet.source.state(statement, this.#fleet.serverNow());
      if (grant !== null) this.heardAt = this.#fleet.world.monotonic();
      return grant;
    });
  }

  count(endpoint: string, tokenId: string) {
    return this.#carry(() => this.#fleet.source.count(endpoint, tokenId, this.#fleet.serverNow()));
  }

  #carry<T>(question: () => T): Promise<T> {
    const { world, random, climate } = this.#fleet;
    const { loss, slow } = climate.weather;
    const delay = () =>
      random.chance(slow) ? random.between(5, 2 * COMMAND_TIMEOUT_MS) : random.between(0.1, 1.5);
    this.commands += 1;
    return new Promise((resolve, reject) => {
      const inTime = world.after(COMMAND_TIMEOUT_MS, () =>
        this.machine.deliver(() => reject(new StoreAway('Timed out'))),
      );
      if (random.chance(loss)) return;
      world.after(delay(), () => {
        const answer = question();
        if (random.chance(loss)) return;
        world.after(delay(), () => {
          inTime();
          this.machine.deliver(() => resolve(answer));
        });
      });
    });
  }
}

/** A fleet of gateways with the real ledger, and a judge that knows what is truly under way. */
export class SlotFleet {
  readonly random: SeededRandom;
  readonly climate: SlotClimate;
  readonly world: ManualClock;
  readonly source = new SimulatedSlots();
  readonly #tokens: readonly string[];
  readonly #serverOffset: number;
  readonly #suspends: boolean;
  #gateways: Gateway[] = [];
  #started = 0;
  #limits: Limits;
  /** Limits that somebody may still act on, and until when. */
  #former: { readonly limits: Limits; readonly until: number }[] = [];
  #admitted = 0;
  #refused = 0;
  #commands = 0;
  #fullest = 0;
  #problem: string | null = null;

  constructor(seed: number, climate: SlotClimate) {
    this.random = seededRandom(seed);
    this.climate = climate;
    this.world = manualClock(1_700_000_000_000 + this.random.between(0, 1000));
    this.#tokens = ['a', 'b', 'c', 'd'].slice(0, this.random.whole(1, 4));
    this.#serverOffset = this.random.between(-3_600_000, 3_600_000);
    this.#suspends = this.random.chance(0.5);
    this.#limits = this.#someLimits();
    for (let count = this.random.whole(1, 4); count > 0; count--) this.#start();
  }

  serverNow(): number {
    return this.world.now() + this.#serverOffset;
  }

  async run(): Promise<SlotOutcome> {
    while (this.world.monotonic() < RUN_MS) {
      const step = this.random.between(2, 20);
      this.#happen(step / 1000);
      for (const gateway of this.#gateways) this.#work(gateway);
      this.world.advance(step);
      for (let turn = 0; turn < 8; turn++) await null;
      if (this.#problem !== null) throw new Error(this.#problem);
    }
    return {
      admitted: this.#admitted,
      refused: this.#refused,
      commands: this.#commands + this.#gateways.reduce((sum, { commands }) => sum + commands, 0),
      fullest: this.#fullest,
    };
  }

  #start(): void {
    this.#started += 1;
    this.#gateways.push(new Gateway(this, `gateway-${this.#started}`, this.#limits));
  }

  #happen(seconds: number): void {
    if (this.random.chance(this.climate.changes * seconds)) this.#change();
    if (!this.random.chance(this.climate.mishaps * seconds)) return;
    const gateway = this.random.pick(this.#gateways);
    const what = this.random.whole(1, 4);
    if (what === 1 && this.#gateways.length > 1) this.#end(gateway);
    else if (what === 2 && this.#gateways.length < 5) this.#start();
    else if (this.#suspends || what === 3) {
      const ms = this.random.between(1, 2 * SLOT_LEASE_MS);
      gateway.machine.stop(ms, this.#suspends ? 'suspend' : 'stop');
    } else gateway.machine.wallOffset += this.random.between(-10_000, 10_000);
  }

  /** A crash ends what the process has under way, and nobody says so. */
  #end(gateway: Gateway): void {
    this.#gateways = this.#gateways.filter((each) => each !== gateway);
    this.#commands += gateway.commands;
    this.#remember(gateway.believed);
    if (gateway.machine.running && this.random.chance(0.3)) {
      for (const { slot } of gateway.requests) slot.release();
      void gateway.slots.close();
    } else gateway.machine.crash();
  }

  #change(): void {
    const limits = this.#someLimits();
    this.#limits = limits;
    for (const gateway of this.#gateways) {
      this.world.after(this.random.between(0, 200), () =>
        gateway.machine.deliver(() => {
          if (this.#limits !== limits) return;
          this.#remember(gateway.believed);
          gateway.believed = limits;
        }),
      );
    }
  }

  #remember(limits: Limits): void {
    this.#former.push({ limits, until: this.world.monotonic() + 3 * COMMAND_TIMEOUT_MS });
  }

  #someLimits(): Limits {
    const max = this.random.chance(0.2) ? this.random.whole(100, 400) : this.random.whole(1, 40);
    const shares = this.#tokens.map((token): [string, number] => [
      token,
      Math.max(1, Math.floor((max * this.random.pick([10, 50, 100])) / 100)),
    ]);
    return { max, shares: new Map(shares) };
  }

  /** Ends some of what is under way, and begins more than there is room for. */
  #work(gateway: Gateway): void {
    if (!gateway.machine.running) return;
    const ending = this.random.chance(0.05) ? 1 : 0.15;
    for (const request of gateway.requests) {
      if (!this.random.chance(ending)) continue;
      for (let times = this.random.whole(1, 2); times > 0; times--) request.slot.release();
      gateway.requests.delete(request);
    }
    const { max, shares } = gateway.believed;
    const endpoint = { name: NAME, max: null, windowSeconds: 60, concurrent: max };
    for (let count = this.random.whole(0, Math.ceil(max / 4)); count > 0; count--) {
      const tokenId = this.random.pick(this.#tokens);
      const held = gateway.slots.hold({ endpoint, tokenId, share: shares.get(tokenId) ?? 0 });
      if (held instanceof Promise) this.#wait(gateway, tokenId, held);
      else this.#answered(gateway, tokenId, held, this.world.monotonic());
    }
  }

  #wait(gateway: Gateway, tokenId: string, held: Promise<Slot | SlotRefusal>): void {
    const { believed } = gateway;
    const since = this.world.monotonic();
    held.then(
      (answer) => {
        this.#answered(gateway, tokenId, answer, since);
        if (gateway.believed !== believed) this.#remember(believed);
      },
      (error: unknown) => {
        if (!(error instanceof StoreAway)) this.#problem ??= `${error}`;
      },
    );
  }

  #answered(gateway: Gateway, tokenId: string, held: Slot | SlotRefusal, since: number): void {
    if (!isSlot(held)) {
      this.#refused += 1;
      return;
    }
    this.#forgetLapsed();
    const { all, own } = this.#underWay(tokenId);
    const inForce = this.#inForce(since);
    const max = Math.max(...inForce.map((limits) => limits.max));
    const share = Math.max(...inForce.map(({ shares }) => shares.get(tokenId) ?? 0));
    if (all >= max) this.#problem ??= `request ${all + 1} of ${max} at once was admitted`;
    if (own >= share) this.#problem ??= `request ${own + 1} of ${share} at once was admitted to ${tokenId}`;
    this.#fullest = Math.max(this.#fullest, (all + 1) / max);
    gateway.requests.add({ tokenId, slot: held, forgotten: false });
    this.#admitted += 1;
  }

  /** What is under way and not forgotten, everywhere: counted in place, for each request that is admitted. */
  #underWay(tokenId: string): { readonly all: number; readonly own: number } {
    let all = 0;
    let own = 0;
    for (const { requests } of this.#gateways) {
      for (const request of requests) {
        if (request.forgotten) continue;
        all += 1;
        if (request.tokenId === tokenId) own += 1;
      }
    }
    return { all, own };
  }

  /** What the source has not heard of for a lease is the overshoot that docs/limits.md admits. */
  #forgetLapsed(): void {
    const now = this.world.monotonic();
    for (const { heardAt, requests } of this.#gateways) {
      if (now - heardAt < SLOT_LEASE_MS) continue;
      for (const request of requests) request.forgotten = true;
    }
  }

  #inForce(since: number): Limits[] {
    this.#former = this.#former.filter(({ until }) => until >= this.world.monotonic() - 10_000);
    const former = this.#former.filter(({ until }) => until >= since);
    return [...this.#gateways.map(({ believed }) => believed), ...former.map(({ limits }) => limits)];
  }
}

/** Runs one schedule with the real ledger, and throws at the first request that breaks a promise of docs/limits.md. */
export async function runSlotSchedule(seed: number, climate: SlotClimate): Promise<SlotOutcome> {
  try {
    return await new SlotFleet(seed, climate).run();
  } catch (error) {
    throw new Error(`Seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
