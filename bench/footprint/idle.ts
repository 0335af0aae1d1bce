/** What connections cost on which nothing is asked. */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Child } from '../child.ts';
import { missing, PEERS } from '../peers/peers.ts';
import type { Surroundings } from '../peers/surroundings.ts';
import type { IdleConnectionsProcess } from '../processes/idle-connections.ts';
import { PATH, requestHeaders } from '../request.ts';

export interface IdleRow {
  readonly name: string;
  readonly does: string;
  /** Resident memory of the process tree, in bytes: after a warm-up, and with the connections. */
  readonly without: number;
  readonly with: number;
  readonly connections: number;
}

const MEASURED = ['nginx-forward', 'nginx-lua', 'haproxy', 'tollgate'];
/** Opened and closed first, so that what is made once is there. */
const WARM_UP = 200;
const SETTLE_MS = 1_000;
/** HAProxy reckons with two files a connection, and everybody has some of their own. */
const FILES_ASIDE = 200;

/** How many connections the limit on open files lets a gateway have. */
export function mostConnections(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const files = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return files === 'unlimited' ? Number.POSITIVE_INFINITY : Math.floor(Number(files) / 2) - FILES_ASIDE;
}

/** @param say hears of a gateway that cannot be measured */
export async function measureIdle(
  around: Surroundings,
  connections: number,
  say: (line: string) => void,
): Promise<IdleRow[]> {
  const rows: IdleRow[] = [];
  for (const peer of PEERS.filter(({ name }) => MEASURED.includes(name))) {
    const absent = missing(peer);
    if (absent !== null) {
      say(`not measured: ${peer.name}: ${absent}`);
      continue;
    }
    const running = await peer.start(around);
    const clients = Child.start<IdleConnectionsProcess>(
      new URL('../processes/idle-connections.ts', import.meta.url),
    );
    try {
      const url = running.origin + PATH;
      const headers = requestHeaders(around.secrets[0] ?? '');
      const open = (count: number) => clients.ask('open', { url, headers, count }, 300_000);
      await open(WARM_UP);
      await clients.ask('close', undefined as never);
      await setTimeout(SETTLE_MS);
      const without = running.tree.residentBytes();
      await open(connections);
      await setTimeout(SETTLE_MS);
      const { name, does } = peer;
      rows.push({ name, does, without, with: running.tree.residentBytes(), connections });
    } finally {
      await clients.end();
      await running.end();
    }
  }
  return rows;
}
