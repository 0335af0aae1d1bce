/**
 * Large tables in parts. A Map that outgrows its table moves all that it holds to a larger one in one turn of the
 * event loop: 20 ms at 130,000 entries, 50 ms at half a million. Each part is moved by itself.
 */

/** How many entries a part holds, about: a table of so many is moved in well under a millisecond. */
const PART = 4_096;
/** More parts than that are not needed: with them a table of sixteen million has parts that are moved in 1 ms. */
const PARTS_MAX = 4_096;
/** How much of a key, from its end, chooses its part. Ids and hashes are random there. */
const CHOOSES = 6;

/** In how many parts a table of so many entries is kept: a power of two. */
export function partsFor(entries: number): number {
  let parts = 1;
  while (parts < PARTS_MAX && parts * PART < entries) parts *= 2;
  return parts;
}

/**
 * Which part a key belongs to.
 * @param parts a power of two
 */
export function partOf(key: string, parts: number): number {
  return parts === 1 ? 0 : partOfHash(hashOf(key), parts);
}

/** The same of a key whose hash is known. */
export function partOfHash(hash: number, parts: number): number {
  // The upper bits depend on every character; the lower ones hardly mix.
  return (hash >>> 16) & (parts - 1);
}

/** The FNV-1a hash of a key's last characters: 32 bits, with a sign. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = Math.max(0, key.length - CHOOSES); at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  return hash;
}
