import { describe, expect, it, test } from 'vitest';
import { cursorBefore, isEventCursor } from '../../src/domain/event-cursor.ts';
import { clientOf } from '../../src/domain/log-client.ts';
import { logEvent, tokenDebugData, tokenParty, userParty } from '../../src/domain/log-event.ts';
import { LOG_EVENT_TYPES } from '../../src/domain/log-event-types.ts';
import { acceptsSecret } from '../../src/domain/token.ts';
import { aShare, aToken, aUser, MADE_AT } from '../support/records.ts';

const owner = aUser({ login: 'ada@example.com', firstName: 'Ada', lastName: '' });
const { token } = aToken(owner.id, { name: 'deployment' });

describe('an event', () => {
  it('says what its type says, who acted with which token, and when', () => {
    const event = logEvent({
      eventType: 'system.api_token.create',
      actor: owner,
      tokenId: token.id,
      targets: [tokenParty(token), userParty(owner)],
      requestId: 'a request',
      now: MADE_AT,
    });
    expect(event).toEqual({
      uuid: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      published: MADE_AT,
      eventType: 'system.api_token.create',
      severity: 'INFO',
      displayMessage: 'Create API token',
      legacyEventType: 'api.token.create',
      actor: {
        id: owner.id,
        type: 'User',
        alternateId: 'ada@example.com',
        displayName: 'Ada',
        detailEntry: null,
      },
      client: { ipAddress: null, ipChain: [], userAgent: null },
      outcome: { result: 'SUCCESS', reason: null },
      target: [tokenParty(token), event.actor],
      transaction: { type: 'WEB', id: 'a request', requestApiTokenId: token.id },
      debugData: {},
    });
  });

  it('has an identifier of its own', () => {
    const facts = { actor: 'system', tokenId: null, targets: [], requestId: null, now: MADE_AT } as const;
    const make = () => logEvent({ ...facts, eventType: 'zone.update' });
    expect(make().uuid).not.toBe(make().uuid);
  });

  it('that no request caused is a job of the system', () => {
    const facts = { actor: 'system', tokenId: null, targets: [], requestId: null, now: MADE_AT } as const;
    expect(logEvent({ ...facts, eventType: 'system.api_token.revoke' })).toMatchObject({
      actor: { id: 'system', type: 'SystemPrincipal' },
      transaction: { type: 'JOB', id: null, requestApiTokenId: null },
    });
  });

  it('never says the hash of a secret', () => {
    const previous = { hash: aToken(owner.id).token.hash, validUntil: MADE_AT };
    const rotated = { ...token, previous };
    const text = JSON.stringify([tokenParty(rotated), tokenDebugData(rotated, aShare(token.id))]);
    expect(text).not.toContain(rotated.hash);
    expect(text).not.toContain(previous.hash);
  });

  test.each([
    ['from anywhere', {}, null, { networkConnection: 'ANYWHERE' }],
    [
      'in zones',
      { network: { connection: 'ZONE', include: ['nzoA', 'nzoB'] } },
      aShare(token.id, { percentage: 0, concurrencyPercentage: 75 }),
      {
        networkConnection: 'ZONE',
        includedNetworkZones: '[nzoA, nzoB]',
        rateLimitPercentage: '0',
        concurrencyPercentage: '75',
      },
    ],
    [
      'outside zones',
      { network: { connection: 'ZONE', exclude: ['ALL_IP_ZONES'] } },
      aShare(token.id),
      { networkConnection: 'ZONE', excludedNetworkZones: '[ALL_IP_ZONES]' },
    ],
  ] as const)('about a token says where it may be used and its share: %s', (_, facts, share, data) => {
    expect(tokenDebugData({ ...token, ...facts }, share)).toEqual(data);
  });

  it('of every type has a message', () => {
    for (const [name, { displayMessage }] of Object.entries(LOG_EVENT_TYPES)) {
      expect(name).toMatch(/^[a-z_]+(\.[a-z_]+)+$/);
      expect(displayMessage.length).toBeGreaterThan(0);
    }
  });
});

describe("a request's client", () => {
  test.each([
    ['no proxy', '192.0.2.7', null, ['192.0.2.7']],
    ['proxies', '10.0.0.2', '192.0.2.7, 10.0.0.1', ['192.0.2.7', '10.0.0.1', '10.0.0.2']],
    ['an IPv4-mapped peer', '::ffff:10.0.0.2', null, ['10.0.0.2']],
    ['entries that are no addresses', '10.0.0.2', 'unknown, <b>, ,192.0.2.7', ['192.0.2.7', '10.0.0.2']],
  ])('has the chain as it was claimed, the peer last: %s', (_, peer, forwardedFor, ipChain) => {
    expect(clientOf('192.0.2.7', peer, forwardedFor, 'curl')).toEqual({
      ipAddress: '192.0.2.7',
      ipChain,
      userAgent: 'curl',
    });
  });

  it('has a chain of bounded length, however much is claimed', () => {
    const { ipChain } = clientOf('unknown', '10.0.0.2', '192.0.2.7,'.repeat(5_000), null);
    expect(ipChain.length).toBeLessThanOrEqual(33);
    expect(ipChain.at(-1)).toBe('10.0.0.2');
    expect(clientOf('unknown', '10.0.0.2', null, null).ipAddress).toBeNull();
  });
});

describe('a cursor', () => {
  test.each([
    ['persisted', '1627500044869_1', true],
    ['persisted', '0_0', true],
    ['persisted', '1627500044869_1_2', false],
    ['persisted', '1627500044869', false],
    ['persisted', '-1_1', false],
    ['persisted', '1_1 ', false],
    ['persisted', '1_1\n', false],
    ['persisted', '٣_١', false],
    ['persisted', '1234567890123456_1', false],
    ['persisted', '1_1234567890', false],
    ['persisted', '', false],
    ['published', '1_2_3', true],
    ['published', '1_2', false],
    ['published', '1_2_3_4', false],
  ] as const)('in the %s order: %j is one: %s', (by, text, is) => {
    expect(isEventCursor(text, by)).toBe(is);
  });

  it('before a moment is one, however early', () => {
    for (const time of [0, 1, MADE_AT]) expect(isEventCursor(cursorBefore(time), 'persisted')).toBe(true);
  });
});

describe("a token's secret", () => {
  const previous = { hash: aToken(owner.id).token.hash, validUntil: MADE_AT + 1000 };
  const rotated = { ...token, previous };

  it('is its own at any time', () => {
    expect(acceptsSecret(token, token.hash, MADE_AT)).toBe(true);
    expect(acceptsSecret(rotated, token.hash, previous.validUntil + 1)).toBe(true);
  });

  it('is the one before the rotation until its time is over, and not at that moment', () => {
    expect(acceptsSecret(rotated, previous.hash, MADE_AT + 999)).toBe(true);
    expect(acceptsSecret(rotated, previous.hash, MADE_AT + 1000)).toBe(false);
  });

  it('is no other', () => {
    const other = aToken(owner.id).token.hash;
    for (const each of [token, rotated]) expect(acceptsSecret(each, other, MADE_AT)).toBe(false);
    expect(acceptsSecret(token, previous.hash, MADE_AT)).toBe(false);
  });
});
