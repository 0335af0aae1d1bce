import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ConnectionCounts } from '../../../../src/gateway/transport/general/connection-counts.ts';

/** How many connections of these addresses, in turn, are admitted where each may have two. */
function admitted(addresses: readonly string[]): number {
  const counts = new ConnectionCounts();
  return addresses.filter((address) =>
    counts.admits(new Socket(), address, { maxConnections: 10, maxConnectionsPerAddress: 2 }),
  ).length;
}

describe('the connections of one address', () => {
  it.each([
    ['the addresses of one /64', ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff::3']],
    [
      'an IPv4 address and the IPv6 address that maps it',
      ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'],
    ],
    ['an address with the scope of a link', ['fe80::1%eth0', 'fe80::1%eth0', 'fe80::1%eth0']],
  ])('are those of %s together', (_, addresses) => {
    expect(admitted(addresses)).toBe(2);
  });

  it.each([
    ['another /64', ['2001:db8:1:2::1', '2001:db8:1:2::1', '2001:db8:1:3::1']],
    ['another IPv4 address', ['192.0.2.1', '192.0.2.1', '192.0.2.2']],
    ['an IPv4 address of the same words', ['0:1::', '0:1::', '0.0.0.1']],
  ])('are none of %s', (_, addresses) => {
    expect(admitted(addresses)).toBe(3);
  });

  it('are counted until they are closed, and so are all', async () => {
    const counts = new ConnectionCounts();
    const most = { maxConnections: 2, maxConnectionsPerAddress: 1 };
    const ofOne = new Socket();
    const ofProxy = new Socket();
    expect(counts.admits(ofOne, '192.0.2.1', most)).toBe(true);
    expect(counts.admits(new Socket(), '192.0.2.1', most)).toBe(false);
    expect(counts.admits(ofProxy, null, most)).toBe(true);
    expect(counts.admits(new Socket(), '192.0.2.2', most)).toBe(false);
    await close(ofProxy);
    expect(counts.admits(new Socket(), '192.0.2.1', most)).toBe(false);
    await close(ofOne);
    expect(counts.admits(new Socket(), '192.0.2.1', most)).toBe(true);
    expect(counts.admits(new Socket(), '192.0.2.2', most)).toBe(true);
  });

  it('of a trusted proxy are only held to the most of all', () => {
    const counts = new ConnectionCounts();
    const most = { maxConnections: 3, maxConnectionsPerAddress: 1 };
    expect([1, 2, 3, 4].map(() => counts.admits(new Socket(), null, most))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});

function close(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.destroy();
  });
}
