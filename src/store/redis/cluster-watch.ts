import type { Cluster, Redis } from 'ioredis';
import { reasonOf } from './client.ts';
import type { OnLog } from './connection.ts';

/**
 * Knows which servers of a cluster are away while they have slots to serve: the others go on, so the cluster as a
 * whole is not away. Says so in one line when one goes, and in one when it is back or others serve its slots.
 */
export class ClusterWatch {
  readonly #cluster: Cluster;
  /** Of the cluster, for people. */
  readonly #address: string;
  readonly #onLog: OnLog;
  /** Why, by `host:port`. */
  readonly #away = new Map<string, string>();
  readonly #lastErrors = new Map<string, string>();

  constructor(cluster: Cluster, address: string, onLog: OnLog) {
    this.#cluster = cluster;
    this.#address = address;
    this.#onLog = onLog;
    cluster.on('+node', (node: Redis) => this.#watch(node));
    cluster.on('node error', (error: unknown, name: string) => this.#lastErrors.set(name, reasonOf(error)));
    cluster.on('refresh', () => this.#forgetOthers());
  }

  /** What is wrong with one of its servers, in one line; null when nothing is. */
  get problem(): string | null {
    const [first] = this.#away;
    if (first === undefined) return null;
    const [name, reason] = first;
    return `${name} of Redis at ${this.#address} does not answer: ${reason}`;
  }

  #watch(node: Redis): void {
    const name = `${node.options.host}:${node.options.port}`;
    node.on('ready', () => {
      this.#lastErrors.delete(name);
      if (this.#away.delete(name)) this.#tell('info', `${name} answers again`);
    });
    node.once('end', () => {
      // One that was let go because it serves nothing, or with the store, is not away.
      if (this.#cluster.status === 'end' || this.#cluster.status === 'disconnecting' || !this.#serves(name))
        return;
      const reason = this.#lastErrors.get(name) ?? 'it closed the connection';
      if (!this.#away.has(name)) this.#tell('warn', `${name} is away: ${reason}`);
      this.#away.set(name, reason);
    });
  }

  #forgetOthers(): void {
    for (const name of this.#away.keys()) {
      if (this.#serves(name)) continue;
      this.#away.delete(name);
      this.#tell('info', `others serve the slots of ${name}`);
    }
  }

  #serves(name: string): boolean {
    return this.#cluster.slots.some(([primary]) => primary === name);
  }

  #tell(level: 'info' | 'warn', what: string): void {
    this.#onLog(level, `Of Redis at ${this.#address} ${what}`);
  }
}
