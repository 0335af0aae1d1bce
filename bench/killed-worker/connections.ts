import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** How the kernel writes ESTABLISHED in /proc/net/tcp (include/net/tcp_states.h). */
const ESTABLISHED = '01';

/** How many connections to this port a process holds, on this machine, over IPv4. */
export function connectionsOf(pid: number, port: number): number {
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const open = new Set<string>();
  for (const row of rows) {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/);
    if (state === ESTABLISHED && Number.parseInt(local.split(':')[1] ?? '', 16) === port) {
      open.add(`socket:[${inode}]`);
    }
  }
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => open.has(linkOf(path.join(folder, name)))).length;
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    // It has been closed meanwhile.
    return '';
  }
}
