import { createHmac, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BASE62, randomBase62 } from './ids.ts';

// 36 characters of base62 are 214 bits.
const RANDOM_LENGTH = 36;
// The fewest characters of base62 that hold every CRC-32.
const CHECKSUM_LENGTH = 6;
const FOREIGN_MIN_LENGTH = 40;
const FOREIGN_MAX_LENGTH = 256;
const UNDERSCORE = '_'.charCodeAt(0);

const NO_DIGIT = 255;
/** The value of each base62 digit by character code. */
const DIGITS = new Uint8Array(128).fill(NO_DIGIT);
for (let digit = 0; digit < BASE62.length; digit++) DIGITS[BASE62.charCodeAt(digit)] = digit;

// The characters that a credential in an Authorization header may have (token68, RFC 9110 §11.2).
const FOREIGN = new Uint8Array(128);
for (const character of `${BASE62}-._~+/=`) FOREIGN[character.charCodeAt(0)] = 1;

/**
 * What can be said of a secret without asking anybody: `minted`, it has the form of those made here and its
 * checksum holds; `foreign`, it was made elsewhere (the bootstrap token, imported ones) and may be known; `junk`,
 * no token can have it.
 */
export type SecretForm = 'minted' | 'foreign' | 'junk';

/**
 * Makes a token's secret: the prefix, `_`, 36 random characters, and the CRC-32 of all that in 6 more, so that a
 * mistyped or made-up secret is told apart without a look-up, and a leaked one is found by scanners.
 * @param prefix letters, digits and `_` (`resolve.prefix`)
 */
export function mintSecret(prefix: string): string {
  const body = `${prefix}_${randomBase62(RANDOM_LENGTH)}`;
  return body + checksumText(crc32(body));
}

/** Judges a secret's form. What begins like one of ours must be one of ours. */
export function judgeSecret(secret: string, prefix: string): SecretForm {
  if (secret.startsWith(prefix) && secret.charCodeAt(prefix.length) === UNDERSCORE) {
    return isMinted(secret, prefix.length + 1) ? 'minted' : 'junk';
  }
  return isForeign(secret) ? 'foreign' : 'junk';
}

/**
 * The name by which stores know a secret: its SHA-256, or with a pepper the HMAC-SHA-256 of that hexadecimal text
 * under the pepper, so that hashes which were imported without the secret can be peppered too.
 * @returns 64 lower-case hexadecimal characters
 */
export function secretIndex(secret: string, pepper: string | null): string {
  return pepperedIndex(hash('sha256', secret, 'hex'), pepper);
}

/**
 * The index of a secret of which only the SHA-256 is known.
 * @param sha256Hex 64 hexadecimal characters, of either case
 * @throws Error when it is not that
 */
export function indexOfSha256(sha256Hex: string, pepper: string | null): string {
  if (!/^[0-9a-fA-F]{64}$/.test(sha256Hex)) {
    throw new Error('a SHA-256 must be written as 64 hexadecimal characters');
  }
  return pepperedIndex(sha256Hex.toLowerCase(), pepper);
}

function pepperedIndex(sha256Hex: string, pepper: string | null): string {
  return pepper === null ? sha256Hex : createHmac('sha256', pepper).update(sha256Hex).digest('hex');
}

function isMinted(secret: string, start: number): boolean {
  if (secret.length !== start + RANDOM_LENGTH + CHECKSUM_LENGTH) return false;
  const checksumStart = start + RANDOM_LENGTH;
  for (let i = start; i < checksumStart; i++) {
    if (digitOf(secret.charCodeAt(i)) === NO_DIGIT) return false;
  }
  let checksum = 0;
  for (let i = checksumStart; i < secret.length; i++) {
    const digit = digitOf(secret.charCodeAt(i));
    if (digit === NO_DIGIT) return false;
    checksum = checksum * BASE62.length + digit;
  }
  return checksum === crc32(secret.slice(0, checksumStart));
}

function isForeign(secret: string): boolean {
  if (secret.length < FOREIGN_MIN_LENGTH || secret.length > FOREIGN_MAX_LENGTH) return false;
  for (let i = 0; i < secret.length; i++) {
    if (FOREIGN[secret.charCodeAt(i)] !== 1) return false;
  }
  return true;
}

function checksumText(checksum: number): string {
  let rest = checksum;
  let text = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    text = BASE62.charAt(rest % BASE62.length) + text;
    rest = Math.floor(rest / BASE62.length);
  }
  return text;
}

function digitOf(code: number): number {
  return DIGITS[code] ?? NO_DIGIT;
}
