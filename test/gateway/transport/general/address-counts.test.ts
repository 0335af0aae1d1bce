import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { AddressCounts } from '../../../../src/gateway/transport/general/address-counts.ts';

/** How many connections of these addresses, in turn, are admitted where each may have two. */
function admitted(addresses: readonly string[]): number {
  const counts = new AddressCounts();
  return addresses.filter((address) => counts.admits(new Socket(), address, 2)).length;
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

  it('are counted until they are closed', async () => {
    const counts = new AddressCounts();
    const first = new Socket();
    expect(counts.admits(first, '192.0.2.1', 1)).toBe(true);
    expect(counts.admits(new Socket(), '192.0.2.1', 1)).toBe(false);
    const closed = new Promise((resolve) => first.once('close', resolve));
    first.destroy();
    await closed;
    expect(counts.admits(new Socket(), '192.0.2.1', 1)).toBe(true);
  });
});
