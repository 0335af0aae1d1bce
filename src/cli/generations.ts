import type { Config } from '../config/config.ts';
import type { Pipeline } from '../gateway/pipeline.ts';
import { createGeneration, type Generation, type LastingParts } from './generation.ts';
import type { UpstreamsTls } from './tls-files.ts';

/**
 * The generation that requests enter now, and those before it that still have requests. Upstreams that were replaced
 * are closed when the last request that was decided while they stood has ended.
 */
export class Generations {
  readonly #parts: LastingParts;
  #current: Generation;
  /** Every pipeline whose requests may still be sent to the current upstreams. */
  #users: Pipeline[];
  readonly #closing = new Set<Promise<void>>();
  /** Every pipeline that may still have requests. */
  #entered: Pipeline[];

  constructor(config: Config, tls: UpstreamsTls, parts: LastingParts) {
    this.#parts = parts;
    this.#current = createGeneration(config, tls, parts, null);
    this.#users = [this.#current.pipeline];
    this.#entered = this.#users;
  }

  get current(): Generation {
    return this.#current;
  }

  /** Requests under way, whichever generation decided them. */
  get underway(): number {
    return this.#entered.reduce((sum, { underway }) => sum + underway, 0);
  }

  /** Makes the next generation the current one. */
  follow(config: Config, tls: UpstreamsTls): void {
    const before = this.#current;
    this.#current = createGeneration(config, tls, this.#parts, before);
    const { pipeline, upstreams } = this.#current;
    this.#entered = [...this.#entered.filter(({ underway }) => underway > 0), pipeline];
    if (upstreams === before.upstreams) {
      this.#users = [...this.#users.filter(({ underway }) => underway > 0), pipeline];
    } else {
      this.#retire(before, this.#users);
      this.#users = [pipeline];
    }
  }

  /** Closes all upstreams. No request is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#closing, this.#current.upstreams.close()]);
  }

  #retire({ upstreams }: Generation, users: readonly Pipeline[]): void {
    upstreams.stopProbing();
    const closing = Promise.all(users.map((pipeline) => pipeline.idle()))
      .then(() => upstreams.close())
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
