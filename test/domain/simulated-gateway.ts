import type { Grant, LeaseQuestion, LeaseSource } from '../../src/domain/lease.ts';
import { LeasedLedger } from '../../src/domain/leased-ledger.ts';
import type { Counted } from '../../src/domain/limit-ledger.ts';
import { StoreAway } from '../../src/domain/store.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

/** How badly the network and the machines behave: 0 to 1 each. */
export interface Weather {
  /** Of questions and answers that never arrive. */
  readonly loss: number;
  /** Of questions and answers that take long, some longer than a command may. */
  readonly slow: number;
  /** Of answers to what was given back: it arrived, and nobody knows. */
  readonly returnsUnanswered: number;
}

/** How long a gateway waits for an answer, in milliseconds. */
export const COMMAND_TIMEOUT_MS = 60;

/** A machine with clocks of its own, on which one process runs, and may be stopped at any moment. */
export class SimulatedMachine {
  readonly clock: Clock;
  /** Wall time minus true time. */
  wallOffset: number;
  readonly #world: ManualClock;
  readonly #rate: number;
  #suspendedMs = 0;
  #stoppedUntil = 0;
  #dead = false;
  #inbox: (() => void)[] = [];

  constructor(world: ManualClock, random: SeededRandom) {
    this.#world = world;
    this.wallOffset = random.between(-86_400_000, 86_400_000);
    const offset = random.between(0, 1e9);
    // Clocks tick up to 0.02 % wrongly; adjusting one may add 0.05 %.
    this.#rate = 1 + random.between(-0.0007, 0.0007);
    this.clock = {
      now: () => world.now() + this.wallOffset,
      monotonic: () => offset + (world.monotonic() - this.#suspendedMs) * this.#rate,
      every: (ms, task) => world.every(ms, () => this.#whileRunning(task)),
      after: (ms, task) => world.after(ms, () => this.#whileRunning(task)),
    };
  }

  get running(): boolean {
    return !this.#dead && this.#world.monotonic() >= this.#stoppedUntil;
  }

  crash(): void {
    this.#dead = true;
    this.#inbox = [];
  }

  /** SIGSTOP, and SIGCONT after so long; `suspend` stops the monotonic clock too. What arrives meanwhile waits. */
  stop(ms: number, how: 'stop' | 'suspend'): void {
    if (!this.running) return;
    this.#stoppedUntil = this.#world.monotonic() + ms;
    if (how === 'suspend') this.#suspendedMs += ms;
    this.#world.after(ms, () => {
      for (const task of this.#inbox.splice(0)) this.deliver(task);
    });
  }

  /** Lets the process do something now, or as soon as it runs again. */
  deliver(task: () => void): void {
    if (this.#dead) return;
    if (this.running) task();
    else this.#inbox.push(task);
  }

  #whileRunning(task: () => void): void {
    if (this.running) task();
  }
}

/** What the source does the moment a question reaches it. */
export interface Windows {
  exchange(question: LeaseQuestion): readonly Grant[];
  count(endpoint: string, tokenId: string): Counted;
}

/** The way from one machine to the windows: takes its time, and loses what it carries. */
export class SimulatedLink implements LeaseSource {
  commands = 0;
  readonly #machine: SimulatedMachine;
  readonly #windows: Windows;
  readonly #world: ManualClock;
  readonly #random: SeededRandom;
  readonly #weather: Weather;

  constructor(
    machine: SimulatedMachine,
    windows: Windows,
    world: ManualClock,
    random: SeededRandom,
    weather: Weather,
  ) {
    this.#machine = machine;
    this.#windows = windows;
    this.#world = world;
    this.#random = random;
    this.#weather = weather;
  }

  exchange(question: LeaseQuestion): Promise<readonly Grant[]> {
    const { loss, returnsUnanswered } = this.#weather;
    const unanswered = question.returns.length > 0 ? Math.max(loss, returnsUnanswered) : loss;
    return this.#carry(() => this.#windows.exchange(question), unanswered);
  }

  count(endpoint: string, tokenId: string): Promise<Counted> {
    return this.#carry(() => this.#windows.count(endpoint, tokenId), this.#weather.loss);
  }

  #carry<T>(question: () => T, unanswered: number): Promise<T> {
    this.commands += 1;
    return new Promise((resolve, reject) => {
      const inTime = this.#world.after(COMMAND_TIMEOUT_MS, () =>
        this.#machine.deliver(() => reject(new StoreAway('Timed out'))),
      );
      const arrive = (answer: T) => {
        inTime();
        this.#machine.deliver(() => resolve(answer));
      };
      if (this.#random.chance(this.#weather.loss)) return;
      this.#world.after(this.#delay(), () => {
        const answer = question();
        if (this.#random.chance(unanswered)) return;
        this.#world.after(this.#delay(), () => arrive(answer));
      });
    });
  }

  #delay(): number {
    const slow = this.#random.chance(this.#weather.slow);
    return slow ? this.#random.between(5, 2 * COMMAND_TIMEOUT_MS) : this.#random.between(0.1, 1.5);
  }
}

/** One gateway process: the real ledger on a simulated machine. */
export class SimulatedGateway {
  readonly machine: SimulatedMachine;
  readonly link: SimulatedLink;
  readonly ledger: LeasedLedger;
  /** What it believes to be the endpoint's maximum and the tokens' shares. */
  believed: Limits;

  constructor(
    world: ManualClock,
    windows: Windows,
    random: SeededRandom,
    weather: Weather,
    believed: Limits,
  ) {
    this.machine = new SimulatedMachine(world, random);
    this.link = new SimulatedLink(this.machine, windows, world, random, weather);
    // The end of a turn of the event loop: nothing of the outside happens before.
    this.ledger = new LeasedLedger(this.link, this.machine.clock, queueMicrotask);
    this.believed = believed;
  }
}

/** An endpoint's maximum and the shares of it, in requests a window. */
export interface Limits {
  readonly max: number;
  readonly shares: ReadonlyMap<string, number>;
}
