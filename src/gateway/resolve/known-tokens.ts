import type { Credential, Share, Token } from '../../domain/token.ts';
import { partOf } from '../../kernel/parts.ts';
import { Ring } from '../../kernel/ring.ts';
import type { KnownToken } from './known-token.ts';
import { pack, packRecord, unpack, unpackAgent, unpackOwner } from './packed-token.ts';
import { PartedLru } from './parted-lru.ts';
import { RecordTexts } from './record-texts.ts';

/** How many tokens are kept as objects: those that are asked for again and again. */
const HOT = 8_192;
/**
 * In how many places it is noted which token was asked for last: so many that two that are in use seldom share one, and
 * few enough that one of 100,000 which come in turn is hardly ever asked for twice before another is in its place.
 */
const PLACES = 32_768;

/** A token as objects, joined with the records that decide over it. */
class JoinedToken implements KnownToken {
  readonly credential: Credential;
  readonly readAt: number;
  readonly doubts: number;
  /** The records that it was joined with. */
  readonly records: Records;
  /** Up to which change these are known to be current. */
  changes: number;

  constructor(credential: Credential, readAt: number, doubts: number, records: Records, changes: number) {
    this.credential = credential;
    this.readAt = readAt;
    this.doubts = doubts;
    this.records = records;
    this.changes = changes;
  }
}

/** What a token is joined with, as texts. */
interface Records {
  readonly owner: string;
  readonly agent: string | null;
}

/**
 * The tokens that the gateway knows, by the hashes of their secrets: each as one text, and as objects too while it is
 * asked for again and again. Of 100,000 tokens V8 then has to go through a few thousand when it looks for garbage
 * (docs/adr/0042-packed-tokens.md).
 */
export class KnownTokens {
  readonly #tokens: PartedLru<string | JoinedToken>;
  readonly #owners: RecordTexts;
  readonly #agents: RecordTexts;
  /** The tokens that were made objects, the first of them first; and some that are none any more. */
  readonly #hot = new Ring<string>();
  /** Which token was last asked for in each place: a part of its hash. */
  readonly #askedFor = new Uint32Array(PLACES);
  /** How often an owner or agent changed. */
  #changes = 0;

  /** @param size how many are held at the most, about (`PartedLru`) */
  constructor(size: number) {
    this.#tokens = new PartedLru(size);
    this.#owners = new RecordTexts(size);
    this.#agents = new RecordTexts(size);
  }

  get size(): number {
    return this.#tokens.size;
  }

  /** Whether anything is held of it; also where its owner or agent changed since. */
  has(hash: string): boolean {
    return this.#tokens.has(hash);
  }

  /** The token; undefined where nothing is held of it, or its owner or agent changed since. */
  get(hash: string): KnownToken | undefined {
    const held = this.#tokens.get(hash);
    if (held === undefined) return undefined;
    if (typeof held === 'string') return this.#unpacked(hash, held);
    return held.changes === this.#changes ? held : this.#joinedAnew(hash, held);
  }

  put(hash: string, read: Credential, readAt: number, doubts: number): KnownToken {
    const { token } = read;
    const owner = this.#owners.put(token.userId, packRecord(read.owner));
    const agent = token.agentId === null ? null : this.#agents.put(token.agentId, packRecord(read.agent));
    const known = new JoinedToken(read, readAt, doubts, { owner, agent }, this.#changes);
    const wasHot = typeof this.#tokens.get(hash) === 'object';
    this.#tokens.set(hash, wasHot ? known : pack(hash, read, readAt, doubts));
    return known;
  }

  delete(hash: string): void {
    this.#tokens.delete(hash);
  }

  /** A user or an agent changed. */
  changed(what: 'user' | 'agent', id: string): void {
    this.#changes += 1;
    (what === 'user' ? this.#owners : this.#agents).changed(id);
  }

  #unpacked(hash: string, text: string): KnownToken | undefined {
    const { token, share, readAt, doubts } = unpack(hash, text);
    const records = this.#recordsOf(token);
    if (records === null) return undefined;
    const known = new JoinedToken(joined(token, share, records), readAt, doubts, records, this.#changes);
    if (this.#comesAgain(hash)) this.#heat(hash, known);
    return known;
  }

  /** Some owner or agent changed since it was last asked for. */
  #joinedAnew(hash: string, held: JoinedToken): KnownToken | undefined {
    const { token, share } = held.credential;
    const records = this.#recordsOf(token);
    if (records === null) return undefined;
    if (records.owner === held.records.owner && records.agent === held.records.agent) {
      held.changes = this.#changes;
      return held;
    }
    const { readAt, doubts } = held;
    const known = new JoinedToken(joined(token, share, records), readAt, doubts, records, this.#changes);
    this.#tokens.set(hash, known);
    return known;
  }

  /** What the token is joined with; null where that is not known any more. */
  #recordsOf({ userId, agentId }: Token): Records | null {
    const owner = this.#owners.get(userId);
    const agent = agentId === null ? null : this.#agents.get(agentId);
    return owner === undefined || agent === undefined ? null : { owner, agent };
  }

  /** Whether no other token was asked for in its place since it was last asked for. */
  #comesAgain(hash: string): boolean {
    const place = partOf(hash, PLACES);
    const part = Number.parseInt(hash.slice(0, 8), 16);
    if (this.#askedFor[place] === part) return true;
    this.#askedFor[place] = part;
    return false;
  }

  /** Keeps it as objects, and as a text again the one that was made so first. */
  #heat(hash: string, known: JoinedToken): void {
    this.#tokens.set(hash, known);
    this.#hot.push(hash);
    if (this.#hot.size <= HOT) return;
    const first = this.#hot.shift() ?? hash;
    const held = this.#tokens.peek(first);
    if (typeof held !== 'object') return;
    this.#tokens.set(first, pack(first, held.credential, held.readAt, held.doubts));
  }
}

function joined(token: Token, share: Share | null, { owner, agent }: Records): Credential {
  return { token, owner: unpackOwner(owner), agent: agent === null ? null : unpackAgent(agent), share };
}
