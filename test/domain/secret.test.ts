import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BASE62 } from '../../src/domain/ids.ts';
import { indexOfSha256, judgeSecret, mintSecret, secretIndex } from '../../src/domain/secret.ts';

// Minted once with this prefix; its checksum was computed apart from this code (Python's zlib.crc32).
const KNOWN = 'tg_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ1S1R3x';

describe('a minted secret', () => {
  test('is the prefix, 36 random characters and 6 of checksum', () => {
    expect(mintSecret('tg')).toMatch(/^tg_[0-9A-Za-z]{42}$/);
    expect(mintSecret('acme_prod')).toMatch(/^acme_prod_[0-9A-Za-z]{42}$/);
  });

  test('is never the same twice', () => {
    expect(new Set(Array.from({ length: 1000 }, () => mintSecret('tg'))).size).toBe(1000);
  });

  test('is recognised under its own prefix', () => {
    for (let i = 0; i < 1000; i++) expect(judgeSecret(mintSecret('tg'), 'tg')).toBe('minted');
    expect(judgeSecret(mintSecret('acme_prod'), 'acme_prod')).toBe('minted');
  });

  test('made by an earlier version stays recognised', () => {
    expect(judgeSecret(KNOWN, 'tg')).toBe('minted');
  });

  test('may be foreign under another prefix, but not under one that begins like it', () => {
    expect(judgeSecret(mintSecret('tg'), 'other')).toBe('foreign');
    expect(judgeSecret(mintSecret('tg_x'), 'tg')).toBe('junk');
    expect(judgeSecret(mintSecret('tgx'), 'tg')).toBe('foreign');
  });
});

describe('the checksum', () => {
  const body = fc.integer({ min: 3, max: 44 });

  test('catches every change of one character behind the prefix', () => {
    for (let at = 3; at < KNOWN.length; at++) {
      for (const other of BASE62) {
        const changed = KNOWN.slice(0, at) + other + KNOWN.slice(at + 1);
        expect(judgeSecret(changed, 'tg')).toBe(changed === KNOWN ? 'minted' : 'junk');
      }
    }
    fc.assert(
      fc.property(body, fc.constantFrom(...BASE62), (at, other) => {
        const secret = mintSecret('tg');
        const changed = secret.slice(0, at) + other + secret.slice(at + 1);
        expect(judgeSecret(changed, 'tg')).toBe(changed === secret ? 'minted' : 'junk');
      }),
      { seed: 9, numRuns: 2000 },
    );
  });

  test('catches every swap of neighbours behind the prefix', () => {
    const swap = (secret: string, at: number) =>
      secret.slice(0, at) + secret.charAt(at + 1) + secret.charAt(at) + secret.slice(at + 2);
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 43 }), (at) => {
        const secret = mintSecret('tg');
        const changed = swap(secret, at);
        expect(judgeSecret(changed, 'tg')).toBe(changed === secret ? 'minted' : 'junk');
      }),
      { seed: 10, numRuns: 5000 },
    );
  });

  test('lets none of ten thousand made-up secrets through', () => {
    const random = fc.array(fc.constantFrom(...BASE62), { minLength: 42, maxLength: 42 });
    fc.assert(
      fc.property(random, (characters) => {
        expect(judgeSecret(`tg_${characters.join('')}`, 'tg')).toBe('junk');
      }),
      { seed: 11, numRuns: 10_000 },
    );
  });
});

describe('a secret that was not minted here', () => {
  test.each([
    ["Okta's form", '00QCjAl4MlV-WPXMabcdefghijkl0HmjFx-vbGua'],
    ['40 characters', 'a'.repeat(40)],
    ['256 characters', 'a'.repeat(256)],
    ['every character of a token68', `${BASE62}-._~+/=`],
    ['the prefix without its underscore', 'tg'.padEnd(45, 'x')],
    ['the prefix in other letters', `TG_${'x'.repeat(42)}`],
    ['the prefix further on', `x${KNOWN}`],
  ])('may be known: %s', (_, secret) => {
    expect(judgeSecret(secret, 'tg')).toBe('foreign');
  });

  test.each([
    ['nothing', ''],
    ['one character', 'a'],
    ['39 characters', 'a'.repeat(39)],
    ['257 characters', 'a'.repeat(257)],
    ['a megabyte', 'a'.repeat(1 << 20)],
    ['a space', `${'a'.repeat(40)} `],
    ['a tab', `\t${'a'.repeat(40)}`],
    ['a NUL', `${'a'.repeat(40)}\0`],
    ['a line end', `${'a'.repeat(40)}\r\n`],
    ['a comma', `${'a'.repeat(40)},b`],
    ['a quote', `"${'a'.repeat(40)}"`],
    ['a letter beyond ASCII', `${'a'.repeat(40)}é`],
    ['a letter beyond Latin', `${'a'.repeat(40)}я`],
    ['an emoji', `${'a'.repeat(40)}🔑`],
    ['__proto__', '__proto__'],
    ['the prefix alone', 'tg_'],
    ['the prefix without a checksum', KNOWN.slice(0, -6)],
    ['a minted secret cut short', KNOWN.slice(0, -1)],
    ['a minted secret with more behind it', `${KNOWN}0`],
    ['a minted secret with a space behind it', `${KNOWN} `],
    ['a minted secret with a character of another alphabet', KNOWN.replace('A', '-')],
    ['a minted secret with a checksum of another alphabet', `${KNOWN.slice(0, -1)}-`],
    ['a minted secret in lower case', KNOWN.toLowerCase()],
    ['a checksum larger than any', `${KNOWN.slice(0, -6)}zzzzzz`],
    ['an imported secret that begins with our prefix', `tg_${'a'.repeat(60)}`],
  ])('is junk: %s', (_, secret) => {
    expect(judgeSecret(secret, 'tg')).toBe('junk');
  });
});

describe('the index of a secret', () => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

  test('is its SHA-256, in lower-case hexadecimal', () => {
    // The example of FIPS 180-2, appendix B.1.
    expect(secretIndex('abc', null)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(secretIndex(KNOWN, null)).toBe(sha256(KNOWN));
  });

  test('with a pepper is the HMAC of that under the pepper, and different for every pepper', () => {
    const expected = createHmac('sha256', 'pepper').update(sha256(KNOWN)).digest('hex');
    expect(secretIndex(KNOWN, 'pepper')).toBe(expected);
    expect(secretIndex(KNOWN, 'Pepper')).not.toBe(expected);
    expect(secretIndex(KNOWN, null)).not.toBe(expected);
  });

  test.each([[null], ['pepper']])(
    'is the same for an imported hash as for the secret itself, with pepper %s',
    (pepper) => {
      expect(indexOfSha256(sha256(KNOWN), pepper)).toBe(secretIndex(KNOWN, pepper));
      expect(indexOfSha256(sha256(KNOWN).toUpperCase(), pepper)).toBe(secretIndex(KNOWN, pepper));
    },
  );

  test.each([['', 'a'.repeat(63), 'a'.repeat(65), 'g'.repeat(64), `${'a'.repeat(64)}\n`, KNOWN]].flat())(
    'cannot be made of %j, which is no SHA-256, and the message does not repeat it',
    (text) => {
      const attempt = () => indexOfSha256(text, null);
      expect(attempt).toThrow('a SHA-256 must be written as 64 hexadecimal characters');
    },
  );
});
