import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What a child process can be asked, by name. Arguments and answers are plain JSON. */
export type Questions = Record<string, (argument: never) => unknown>;

/** How long a child may take to end by itself, in milliseconds, before it is killed. */
const LONGEST_END_MS = 5_000;

interface Question {
  readonly name: string;
  readonly argument: unknown;
}

type Reply = { readonly answer: unknown } | { readonly failure: string };

/** A Node process of ours that answers questions over IPC, one at a time. */
export class Child<Q extends Questions> {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Starts `module`, which calls `answerQuestions` with the functions that `Q` describes. */
  static start<Q extends Questions>(module: URL): Child<Q> {
    return new Child<Q>(fork(module, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  }

  /**
   * Asks, and waits for the answer.
   * @param longestMs after so many milliseconds without an answer the question has failed
   * @throws Error when the child failed, ended, or took too long
   */
  async ask<K extends keyof Q & string>(
    name: K,
    argument: Parameters<Q[K]>[0],
    longestMs = 60_000,
  ): Promise<Awaited<ReturnType<Q[K]>>> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(longestMs)]);
    const ended = once(this.#process, 'exit', { signal }).then(() => {
      throw new Error(`the process that was asked to ${name} ended`);
    });
    const replied = once(this.#process, 'message', { signal });
    this.#process.send({ name, argument } satisfies Question);
    try {
      const [reply] = (await Promise.race([replied, ended])) as [Reply];
      if ('failure' in reply) throw new Error(`${name} failed: ${reply.failure}`);
      // The child's functions have the types of `Q`, and JSON keeps them.
      return reply.answer as Awaited<ReturnType<Q[K]>>;
    } finally {
      over.abort();
      ended.catch(() => {});
      replied.catch(() => {});
    }
  }

  /** Lets the child end, and sees to it that it does. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), LONGEST_END_MS);
    if (this.#process.connected) this.#process.disconnect();
    await ended;
    clearTimeout(patience);
  }
}

/** The child's side: answers until the parent lets go, or is gone. */
export function answerQuestions(questions: Questions): void {
  const answer = async ({ name, argument }: Question): Promise<Reply> => {
    try {
      const question = questions[name] as ((argument: unknown) => unknown) | undefined;
      if (question === undefined) throw new Error('there is no such question');
      return { answer: await question(argument) };
    } catch (error) {
      return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', (question: Question) => {
    void answer(question).then((reply) => process.send?.(reply));
  });
  process.on('disconnect', () => process.exit());
}
