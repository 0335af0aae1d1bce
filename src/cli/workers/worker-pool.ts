import cluster, { type Worker } from 'node:cluster';
import type { AddressInfo } from 'node:net';
import type { Environment } from '../../config/environment.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../telemetry/log.ts';
import { CompiledCode } from './compiled-code.ts';
import type { Answers, FromWorker, Topic, ToWorker } from './messages.ts';
import { Respawn } from './respawn.ts';
import { closeUndelivered } from './undelivered-connection.ts';

/** How long a worker may take to answer a question, in milliseconds. */
const ANSWER_MS = 1_000;

interface Member {
  readonly worker: Worker;
  /** Where it listens; null until it does. */
  listensAt: AddressInfo | null;
  /** Whether the configuration may have changed since it read it, while it could not be told. */
  mayBeBehind: boolean;
}

/**
 * The processes that carry the traffic of one primary. Each runs this same program, which finds itself a worker and
 * runs the gateway alone; the listening socket is the primary's, which deals its connections out in turn. A worker
 * that ends by itself is replaced.
 */
export class WorkerPool {
  readonly #count: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #respawn: Respawn;
  readonly #code: CompiledCode;
  readonly #members = new Map<number, Member>();
  readonly #waiting = new Map<number, (answer: Answers[Topic]) => void>();
  #questions = 0;
  #died = 0;
  #silent = 0;
  #phase: 'starting' | 'running' | 'stopping' = 'starting';
  /** Tells `start` and `stop` that the members have changed. */
  #changed: () => void = () => {};

  constructor(count: number, clock: Clock, log: Logger, env: Environment) {
    this.#code = new CompiledCode(env);
    this.#count = count;
    this.#clock = clock;
    this.#log = log;
    this.#respawn = new Respawn(count);
  }

  /** The ids of the workers that run, whether or not they listen already. */
  readonly running = (): readonly number[] => [...this.#members.keys()];

  /** How many workers have ended without being told to. */
  readonly died = (): number => this.#died;

  /** How many times a worker did not tell its metrics in time. */
  readonly silent = (): number => this.#silent;

  /** The metrics of every worker that answers in time. */
  readonly snapshots = async () => {
    const asked = this.#members.size;
    const answers = await this.ask('metrics');
    this.#silent += asked - answers.size;
    return answers;
  };

  /** How many workers listen. */
  get listening(): number {
    return [...this.#members.values()].filter(({ listensAt }) => listensAt !== null).length;
  }

  /**
   * Starts the workers.
   * @returns where they listen, when all do
   * @throws Error when one ends before; it has told on standard error why
   */
  async start(): Promise<AddressInfo> {
    // Metrics hold NaN and infinities, which JSON does not.
    cluster.setupPrimary({ serialization: 'advanced' });
    cluster.on('message', this.#onMessage);
    cluster.on('exit', this.#onExit);
    for (let started = 0; started < this.#count; started += 1) this.#fork();
    for (;;) {
      const [first] = this.#members.values();
      if (this.#died > 0) throw new Error('A worker ended before it was ready; what it said stands above.');
      if (this.listening === this.#count && first?.listensAt != null) {
        this.#phase = 'running';
        return first.listensAt;
      }
      await this.#change();
    }
  }

  /** Asks every worker. @returns the answers that came in time, by the worker's id */
  async ask<T extends Topic>(topic: T): Promise<ReadonlyMap<number, Answers[T]>> {
    const answers = new Map<number, Answers[T]>();
    await Promise.all(
      [...this.#members.values()].map(async ({ worker }) => {
        const answer = await this.#askOne(worker, topic);
        if (answer !== null) answers.set(worker.id, answer);
      }),
    );
    return answers;
  }

  /** What is not well, in one line; null when all workers are there and all is well in them. */
  async trouble(): Promise<string | null> {
    const answers = await this.ask('health');
    const lines = [...answers.values()].flat();
    const missing = this.#count - this.listening;
    if (missing > 0) lines.unshift(`${missing} of ${this.#count} are not up`);
    const silent = this.#members.size - answers.size;
    if (silent > 0) lines.push(`${silent} did not answer in time`);
    return lines.length === 0 ? null : [...new Set(lines)].join('; ');
  }

  /** Tells the workers that each connection has one more request. */
  lastCall(): void {
    for (const { worker } of this.#members.values()) tell(worker, { tell: 'last-call' });
  }

  /** Has the workers read the configuration again; one that is starting, as soon as it hears of it. */
  reload(): void {
    for (const member of this.#members.values()) {
      if (member.listensAt === null) member.mayBeBehind = true;
      else member.worker.process.kill('SIGHUP');
    }
  }

  /**
   * Lets every worker end in good order.
   * @param withinMs how long they may take; what is left then is killed
   */
  async stop(withinMs: number): Promise<void> {
    this.#phase = 'stopping';
    this.#signal('SIGTERM');
    const cancel = this.#clock.after(withinMs, () => {
      this.#log.error({ workers: this.running() }, 'workers did not end in time, and are killed');
      this.#signal('SIGKILL');
    });
    while (this.#members.size > 0) await this.#change();
    cancel();
    cluster.off('message', this.#onMessage);
    cluster.off('exit', this.#onExit);
    this.#code.remove();
  }

  #signal(signal: NodeJS.Signals): void {
    for (const { worker } of this.#members.values()) worker.process.kill(signal);
  }

  #fork(): void {
    if (this.#phase === 'stopping') return;
    const worker = cluster.fork(this.#code.environment);
    closeUndelivered(worker.process);
    this.#members.set(worker.id, { worker, listensAt: null, mayBeBehind: false });
    // A worker that dies takes its channel along; its exit tells the same.
    worker.on('error', () => {});
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }

  #askOne<T extends Topic>(worker: Worker, topic: T): Promise<Answers[T] | null> {
    this.#questions += 1;
    const question = this.#questions;
    return new Promise((resolve) => {
      const settle = (answer: Answers[T] | null) => {
        cancel();
        this.#waiting.delete(question);
        resolve(answer);
      };
      const cancel = this.#clock.after(ANSWER_MS, () => settle(null));
      // The answer is to this question, so it is of its topic.
      this.#waiting.set(question, (answer) => settle(answer as Answers[T]));
      if (!tell(worker, { ask: topic, question })) settle(null);
    });
  }

  #onMessage = (worker: Worker, message: FromWorker): void => {
    if ('listensAt' in message) {
      const member = this.#members.get(worker.id);
      if (member !== undefined) member.listensAt = message.listensAt;
      if (member?.mayBeBehind) worker.process.kill('SIGHUP');
      this.#log.info({ worker: worker.id, pid: worker.process.pid }, 'a worker is up');
      this.#changed();
    } else this.#waiting.get(message.question)?.(message.answer);
  };

  #onExit = (worker: Worker, code: number | null, signal: string | null): void => {
    this.#members.delete(worker.id);
    if (this.#phase !== 'stopping') this.#died += 1;
    this.#changed();
    if (this.#phase !== 'running') return;
    const { afterMs, looping } = this.#respawn.died(this.#clock.monotonic());
    const facts = { worker: worker.id, pid: worker.process.pid, code, signal, replacedAfterMs: afterMs };
    if (looping) this.#log.fatal(facts, 'workers die as fast as they are started');
    else this.#log.error(facts, 'a worker has died and is replaced');
    if (afterMs === 0) this.#fork();
    else this.#clock.after(afterMs, () => this.#fork());
  };
}

/** @returns false when the worker cannot be told any more */
function tell(worker: Worker, message: ToWorker): boolean {
  if (!worker.isConnected()) return false;
  // A worker that dies meanwhile is heard of by its exit.
  worker.send(message, () => {});
  return true;
}
