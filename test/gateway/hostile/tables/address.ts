import { afterAll, beforeAll, describe, expect } from 'vitest';
import { RawClient } from '../../../support/raw-client.ts';
import { aZone } from '../../../support/records.ts';
import { valuesOf } from '../../../support/strict-upstream.ts';
import { head, itLetNothingThrough } from '../attack.ts';
import { type Bed, openBed, type StartTransport, TRUSTED_PROXY } from '../bed.ts';
import { it } from '../rows.ts';

const INSIDE = '203.0.113.9';
const OUTSIDE = '198.51.100.7';
const STRANGER = '127.0.0.1';

/** Spellings of an address that some program reads as it; no rule about addresses may depend on which program. */
const ODD_SPELLINGS = [
  ...[
    '203.0.113.009',
    '0203.0.113.9',
    '0313.0.0161.011',
    '0xcb.0.0x71.9',
    '0xcb007109',
    '3405803785',
    '203.0.28937',
  ],
  ...[
    '203.28937',
    '203.0.113.9.',
    '.203.0.113.9',
    '203.0.113.9 ,',
    '203.0.113.9:443',
    '"203.0.113.9"',
    "'203.0.113.9'",
  ],
  ...[
    '[203.0.113.9]',
    '203.0.113.9/32',
    '203.0.113.9%eth0',
    '203.0.113.9;',
    'for=203.0.113.9',
    '203.0.113.9\u00a0',
  ],
  ...[
    '٢٠٣.٠.١١٣.٩',
    '２０３.0.113.9',
    '203。0。113。9',
    '203.0.113.9x',
    'x203.0.113.9',
    '203,0,113,9',
    '203 .0.113.9',
  ],
  ...['[::ffff:203.0.113.9]', '[::ffff:203.0.113.9]:443', '::ffff:203.0.113.9%1', '::ffff:203.0.113.009'],
  ...['unknown', '_hidden', 'localhost', '', ' '],
];
/** IPv6 addresses in which that one stands, without being it: deprecated forms, translation, tunnels (RFC 4291 §2.5.5.1, RFC 6052, RFC 3056). */
const OTHERS = ['::203.0.113.9', '64:ff9b::203.0.113.9', '2002:cb00:7109::', '::ffff:0:203.0.113.9'];
/** Other spellings of the same address (RFC 4291 §2.2, §2.5.5.2). */
const SAME = [
  '203.0.113.9',
  '::ffff:203.0.113.9',
  '::ffff:cb00:7109',
  '::FFFF:CB00:7109',
  '0:0:0:0:0:ffff:203.0.113.9',
];

/** Where a caller is, against where it says it is (B7, B8 of docs/threats.md). */
export function addressTable(start: StartTransport): void {
  let bed: Bed;
  let included: string;
  let excluded: string;
  let loopback: string;
  let count = 0;
  beforeAll(async () => {
    bed = await openBed(start);
    const zone = aZone([`${INSIDE}/32`]);
    const near = aZone([`${STRANGER}/32`, `${TRUSTED_PROXY}/32`]);
    await bed.store.commit([
      { put: 'zone', zone },
      { put: 'zone', zone: near },
    ]);
    included = (await bed.issue({ network: { connection: 'ZONE', include: [zone.id] } })).secret;
    excluded = (await bed.issue({ network: { connection: 'ZONE', exclude: [zone.id] } })).secret;
    loopback = (await bed.issue({ network: { connection: 'ZONE', include: [near.id] } })).secret;
  });
  afterAll(() => bed.close());

  /** The status of a request that comes from there and says this of its way; and what the upstream was told of it. */
  async function ask(from: string, secret: string, lines: readonly string[]) {
    count += 1;
    const target = `/address?${count}`;
    const client = await RawClient.connect(bed.port, from);
    client.send(head(`GET ${target} HTTP/1.1`, secret, lines));
    const response = await client.response();
    client.destroy();
    const seen = bed.upstream.requests.find((request) => request.target === target);
    return {
      status: response?.status,
      told: seen === undefined ? null : valuesOf(seen, 'X-Forwarded-For').join('|'),
    };
  }
  const chain = (value: string) => [`X-Forwarded-For: ${Buffer.from(value).toString('latin1')}`];

  describe('a stranger', () => {
    it.each<[string, readonly string[]]>([
      ['X-Forwarded-For', chain(INSIDE)],
      ['a longer X-Forwarded-For', chain(`${INSIDE}, ${TRUSTED_PROXY}`)],
      ['several of them', [...chain(INSIDE), ...chain(TRUSTED_PROXY)]],
      ['an X-Forwarded-For of its own address', chain(`${INSIDE}, ${STRANGER}`)],
      ['Forwarded', [`Forwarded: for=${INSIDE}`]],
      ['X-Real-IP', [`X-Real-IP: ${INSIDE}`]],
      ['True-Client-IP', [`True-Client-IP: ${INSIDE}`]],
      ['Connection, which would hide the header', ['Connection: X-Forwarded-For', ...chain(INSIDE)]],
      ['ten thousand entries', chain(Array.from({ length: 1_000 }, () => INSIDE).join(', '))],
    ])('cannot stand elsewhere by %s', async (_, lines) => {
      expect((await ask(STRANGER, included, lines)).status).toBe(403);
      expect(await ask(STRANGER, loopback, lines)).toEqual({ status: 200, told: STRANGER });
    });
  });

  describe('behind a trusted proxy, a caller', () => {
    it.each(SAME)('at %s is where the proxy says', async (spelling) => {
      expect(await ask(TRUSTED_PROXY, included, chain(spelling))).toEqual({
        status: 200,
        told: `${INSIDE}, ${TRUSTED_PROXY}`,
      });
      expect((await ask(TRUSTED_PROXY, excluded, chain(spelling))).status).toBe(403);
      expect((await ask(TRUSTED_PROXY, loopback, chain(spelling))).status).toBe(403);
    });

    it.each(ODD_SPELLINGS)('at %j is nowhere: neither inside, nor surely outside', async (spelling) => {
      expect((await ask(TRUSTED_PROXY, included, chain(spelling))).status).toBe(403);
      expect((await ask(TRUSTED_PROXY, excluded, chain(spelling))).status).toBe(403);
    });

    it.each(OTHERS)('at %s is another one', async (address) => {
      expect((await ask(TRUSTED_PROXY, included, chain(address))).status).toBe(403);
      expect((await ask(TRUSTED_PROXY, excluded, chain(address))).status).toBe(200);
    });

    it.each<[string, readonly string[]]>([
      ['in front', chain(`${INSIDE}, ${OUTSIDE}`)],
      ['in a header of its own', [...chain(INSIDE), ...chain(OUTSIDE)]],
      ['in front, twice', chain(`${INSIDE}, ${INSIDE}, ${OUTSIDE}`)],
      ['in front of the proxy itself', chain(`${INSIDE}, ${OUTSIDE}, ${TRUSTED_PROXY}`)],
      ['beside garbage', chain(`${INSIDE}, garbage, ${OUTSIDE}`)],
    ])('cannot put an address of its own choice %s', async (_, lines) => {
      const asked = await ask(TRUSTED_PROXY, included, lines);
      expect(asked).toEqual({ status: 403, told: null });
    });

    it('is told to the upstream first, and what it claims to stand behind is not told', async () => {
      const { told } = await ask(TRUSTED_PROXY, bed.secret, chain(`${INSIDE}, ${OUTSIDE}`));
      expect(told).toBe(`${OUTSIDE}, ${TRUSTED_PROXY}`);
    });

    it('cannot hide by naming the chain in Connection', async () => {
      const lines = ['Connection: X-Forwarded-For', ...chain(OUTSIDE)];
      expect((await ask(TRUSTED_PROXY, loopback, lines)).status).toBe(403);
    });
  });

  itLetNothingThrough(() => bed);
}
