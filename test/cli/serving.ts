/** A whole process's `serve` in this one, from a file that the test writes and writes again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServeRole } from '../../src/cli/role.ts';
import { type Serving, serve } from '../../src/cli/serve.ts';

export const SECRET = '00abcdefghijklmnopqrstuvwxyz0123456789ABCDxyz';
export const authorization = `SSWS ${SECRET}`;

/** Settings as YAML has them; those of a test go over these. */
export type Settings = Readonly<Record<string, Readonly<Record<string, unknown>> | readonly unknown[]>>;

/** A folder with a configuration, and what is served from it. */
export interface Site {
  readonly folder: string;
  readonly file: string;
  /** Writes the configuration: the settings given over those that every test has. */
  write(settings: Settings): void;
  serve(role?: ServeRole): Promise<Serving>;
  close(): Promise<void>;
}

export function createSite(): Site {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-site-'));
  const file = join(folder, 'tollgate.yaml');
  const running: Serving[] = [];
  return {
    folder,
    file,
    write(settings) {
      const all = {
        ...settings,
        store: { kind: 'embedded', path: join(folder, 'tollgate.db') },
        listen: { proxy: '127.0.0.1:0', admin: '127.0.0.1:0', metrics: '127.0.0.1:0', ...settings['listen'] },
        limit: { defaultPercentage: 100, ...settings['limit'] },
        log: { level: 'silent', ...settings['log'] },
      };
      // JSON is YAML.
      writeFileSync(file, JSON.stringify(all));
    },
    async serve(role = 'all') {
      const serving = await serve(file, { TOLLGATE_BOOTSTRAP_TOKEN: SECRET }, { write() {} }, role);
      running.push(serving);
      return serving;
    },
    async close() {
      for (const serving of running) await serving.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The settings of one upstream that takes every path. */
export function upstream(origin: string): { readonly upstreams: readonly unknown[] } {
  return { upstreams: [{ name: 'api', targets: [origin], paths: ['/'] }] };
}

export interface TestUpstream {
  readonly origin: string;
  /** Connections that are open. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** An HTTP server on a free port. */
export async function startUpstream(
  answer: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<TestUpstream> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
