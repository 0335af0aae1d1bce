/** A real Prometheus of a test's own: loopback, a free port, a fresh folder, scraping five times a second. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';

/** Whether Debian's package prometheus is installed; install-tools.sh brings it. */
export const hasPrometheus = spawnSync('promtool', ['--version']).status === 0;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [seconds: number, value: string];
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

type Answer<T> =
  | { readonly status: 'success'; readonly data: T }
  | { readonly status: 'error'; readonly error: string };

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Prometheus {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #origin: string;

  private constructor(child: ChildProcess, folder: string, origin: string) {
    this.#child = child;
    this.#folder = folder;
    this.#origin = origin;
  }

  /**
   * @param target `host:port` of the metrics
   * @param rules a rule file, as plain data
   */
  static async start(target: string, rules: unknown): Promise<Prometheus> {
    const folder = mkdtempSync(path.join(tmpdir(), 'prometheus-'));
    const config = {
      global: { scrape_interval: '200ms', evaluation_interval: '200ms' },
      rule_files: ['rules.yaml'],
      scrape_configs: [{ job_name: 'tollgate', static_configs: [{ targets: [target] }] }],
    };
    writeFileSync(path.join(folder, 'rules.yaml'), stringify(rules));
    writeFileSync(path.join(folder, 'prometheus.yml'), stringify(config));
    const address = `127.0.0.1:${await freePort()}`;
    const args = [
      `--config.file=${path.join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=error',
    ];
    const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const prometheus = new Prometheus(child, folder, `http://${address}`);
    while (child.exitCode === null && !(await prometheus.#isReady())) await setTimeout(50);
    return prometheus;
  }

  async #isReady(): Promise<boolean> {
    return fetch(`${this.#origin}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** @throws Error with what Prometheus says of the query */
  async query(query: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#origin}/api/v1/query?${new URLSearchParams({ query })}`);
    const answer = (await response.json()) as Answer<{ readonly result: readonly Sample[] }>;
    if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
    return answer.data.result;
  }

  async alerts(): Promise<readonly Alert[]> {
    const response = await fetch(`${this.#origin}/api/v1/alerts`);
    const { data } = (await response.json()) as { readonly data: { readonly alerts: readonly Alert[] } };
    return data.alerts;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
