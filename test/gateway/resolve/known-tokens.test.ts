import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkCondition } from '../../../src/domain/network-condition.ts';
import { type Credential, newShare, newToken, type Token } from '../../../src/domain/token.ts';
import { KnownTokens } from '../../../src/gateway/resolve/known-tokens.ts';
import { anAgent, aUser } from '../../support/records.ts';

const TIMES = 6;
const hashOf = (name: string | number) => createHash('sha256').update(`${name}`).digest('hex');
const owner = aUser();

function credential(name: string | number, more: Partial<Token> = {}): Credential {
  const token = { ...newToken(`${name}`, owner.id, hashOf(name), 1_000), ...more };
  return { token, owner, agent: null, share: null };
}

const text = fc.string({ unit: 'binary', maxLength: 12 });
const time = fc.integer({ min: 0, max: 2 ** 45 });
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
const network: fc.Arbitrary<NetworkCondition> = fc.oneof(
  fc.constant({ connection: 'ANYWHERE' } as const),
  fc.record({ connection: fc.constant('ZONE' as const), include: fc.array(text) }),
  fc.record({ connection: fc.constant('ZONE' as const), exclude: fc.array(text) }),
);
const anyToken: fc.Arbitrary<Token> = fc.record({
  id: text,
  name: text,
  hash: fc.constantFrom('a', 'b').map(hashOf),
  userId: text,
  clientName: fc.oneof(fc.constant('Okta API'), text),
  agentId: maybe(text),
  network,
  windowSeconds: time,
  createdAt: time,
  lastUpdatedAt: time,
  lastUsedAt: maybe(time),
  previous: maybe(fc.record({ hash: fc.constantFrom('a', 'b').map(hashOf), validUntil: time })),
  revokedAt: maybe(time),
});
const anyCredential: fc.Arbitrary<Credential> = fc.record({
  token: anyToken,
  owner: maybe(fc.record({ login: text, roles: fc.constant([]) }).map((some) => ({ ...owner, ...some }))),
  agent: fc.constant(null),
  share: maybe(
    fc
      .dictionary(text, fc.nat(100))
      .map((byEndpoint) =>
        newShare('token', { percentage: 7, concurrencyPercentage: null, byEndpoint }, 'system', 1),
      ),
  ),
});

describe('a token that is kept', () => {
  it('is given back as it was put, whatever its record holds, however often it is asked for', () => {
    fc.assert(
      fc.property(anyCredential, fc.double({ min: 0, noNaN: true, max: 1e9 }), (read, readAt) => {
        const known = new KnownTokens(100);
        const key = hashOf('a');
        known.put(key, read, readAt, 3);
        for (let time = 0; time < TIMES; time++) {
          const { credential, ...when } = known.get(key) ?? {};
          expect(credential).toEqual(read);
          expect(when).toMatchObject({ readAt, doubts: 3 });
        }
      }),
      { seed: 42, numRuns: 300 },
    );
  });

  it('is one object as long as it is asked for again and again', () => {
    const known = new KnownTokens(10);
    known.put(hashOf('a'), credential('a'), 1, 0);
    const asked = Array.from({ length: TIMES }, () => known.get(hashOf('a')));
    expect(new Set(asked.slice(1)).size).toBe(1);
  });

  it('is given back as it was read last, in use or not', () => {
    const known = new KnownTokens(10);
    for (const times of [0, 1, TIMES]) {
      known.put(hashOf('a'), credential('a', { name: `read ${times}` }), times, 0);
      for (let time = 0; time <= times; time++) {
        expect(known.get(hashOf('a'))?.credential.token.name).toBe(`read ${times}`);
      }
    }
  });

  it('is right among very many, of which some are asked for much and others hardly', () => {
    const many = 40_000;
    const known = new KnownTokens(2 * many);
    const names = Array.from({ length: many }, (_, at) => ({ at, hash: hashOf(at) }));
    for (const { at, hash } of names) known.put(hash, credential(at), at, 0);
    let wrong = 0;
    for (let round = 0; round < TIMES; round++) {
      for (const { at, hash } of names.slice(0, many / (round + 1))) {
        for (let time = 0; time <= at % 3; time++) {
          const found = known.get(hash);
          if (found?.readAt !== at || found.credential.token.name !== `${at}`) wrong += 1;
        }
      }
    }
    expect(wrong).toBe(0);
    expect(known.size).toBe(many);
  });
});

describe('a change of an agent', () => {
  it('keeps its tokens from being given, and not those of the user with the same id', () => {
    const agent = anAgent({ id: owner.id });
    const known = new KnownTokens(10);
    known.put(hashOf('of it'), { ...credential('of it', { agentId: agent.id }), agent }, 1, 0);
    known.put(hashOf('other'), credential('other'), 1, 0);
    for (let time = 0; time < TIMES; time++)
      expect(known.get(hashOf('of it'))?.credential).toMatchObject({ owner, agent });
    known.changed('agent', agent.id);
    expect(known.get(hashOf('of it'))).toBeUndefined();
    expect(known.get(hashOf('other'))?.credential.owner).toEqual(owner);
  });
});

describe('a change of an owner', () => {
  it('keeps every token of theirs from being given, in use or not, and none of another', () => {
    const other = { ...owner, id: '00uother0000000000000' };
    const known = new KnownTokens(10);
    const tokens = [
      credential('seldom'),
      credential('often'),
      { ...credential('other', { userId: other.id }), owner: other },
    ];
    for (const each of tokens) known.put(each.token.hash, each, 1, 0);
    for (let time = 0; time < TIMES; time++) for (const name of ['often', 'other']) known.get(hashOf(name));
    known.changed('user', owner.id);
    for (const name of ['seldom', 'often']) {
      expect([known.get(hashOf(name)), known.has(hashOf(name))]).toEqual([undefined, true]);
    }
    expect(known.get(hashOf('other'))?.credential.owner).toEqual(other);
  });

  it('is what the tokens are given with once one of them was read again', () => {
    const known = new KnownTokens(10);
    for (const name of ['one', 'two', 'seldom']) known.put(hashOf(name), credential(name), 1, 0);
    for (let time = 0; time < TIMES; time++) known.get(hashOf('two'));
    known.changed('user', owner.id);
    const suspended = { ...owner, status: 'SUSPENDED' } as const;
    known.put(hashOf('one'), { ...credential('one'), owner: suspended }, 2, 0);
    for (let time = 0; time < TIMES; time++) {
      for (const name of ['one', 'two', 'seldom']) {
        expect(known.get(hashOf(name))?.credential.owner?.status).toBe('SUSPENDED');
      }
    }
  });
});
