import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { isRefusedAddress, targetLookup } from '../../../src/gateway/forward/target-lookup.ts';

const named = (...addresses: string[]): LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

/** What `net.connect` would be told of a name that means these addresses: with `all`, a list. */
function find(found: LookupAddress[], allowLinkLocal = false, all = true): Promise<unknown> {
  const lookup = targetLookup(allowLinkLocal, (_name, _options, answer) => answer(null, found));
  return new Promise((resolve) => {
    lookup('api.test', { all }, (error, answer) => resolve(error ?? answer));
  });
}

describe('the name of a target', () => {
  it.each([
    '169.254.169.254',
    '169.254.0.1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'febf:ffff::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'FD00:EC2:0::254',
    'no address',
  ])('does not lead to %s', async (address) => {
    expect(isRefusedAddress((await find(named(address))) as object)).toBe(true);
    expect(isRefusedAddress((await find(named(address), false, false)) as object)).toBe(true);
    expect(await find(named(address), true)).toEqual(named(address));
  });

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '169.253.255.255',
    '169.255.0.0',
    '192.168.0.1',
    '::1',
    'fec0::1',
    'fd00:ec2::255',
  ])('leads to %s', async (address) => {
    expect(await find(named(address))).toEqual(named(address));
    expect(await find(named(address), false, false)).toBe(address);
  });

  it('leads to those of its addresses that are left, in their order', async () => {
    const all = named('169.254.169.254', '::1', 'fe80::1', '127.0.0.1');
    expect(await find(all)).toEqual(named('::1', '127.0.0.1'));
  });

  it('that means nothing leads nowhere', async () => {
    expect(isRefusedAddress((await find([])) as object)).toBe(true);
  });

  it('that cannot be looked up says why', async () => {
    const away = Object.assign(new Error('no server'), { code: 'EAI_AGAIN' });
    const lookup = targetLookup(false, (_name, _options, answer) => answer(away, []));
    const error = await new Promise((resolve) => {
      lookup('api.test', { all: true }, resolve);
    });
    expect(error).toBe(away);
  });

  it('is looked up by the system', async () => {
    const found = await new Promise((resolve) => {
      targetLookup(false)('localhost', { all: false }, (_error, address) => resolve(address));
    });
    expect(found).toBeOneOf(['127.0.0.1', '::1']);
  });
});
