import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cursorBefore, isEventCursor } from '../../src/domain/event-cursor.ts';
import { type LogEvent, logEvent, userParty } from '../../src/domain/log-event.ts';
import type { EventPage, EventQuery, Mutation, Report, Store } from '../../src/domain/store.ts';
import { aToken, aUser, aZone, MADE_AT } from '../support/records.ts';
import type { Site } from './site.ts';

const ALL = { since: null, until: null, after: null } as const;
const MINUTE = 60_000;

export function eventsContract(openSite: () => Promise<Site>): void {
  let site: Site;
  let store: Store;
  beforeEach(async () => {
    site = await openSite();
    store = await site.open();
  });
  afterEach(() => site.close());

  const actor = aUser();
  const eventAt = (published: number, text = ''): LogEvent =>
    logEvent({
      eventType: 'zone.update',
      actor,
      tokenId: '00TSomeToken',
      targets: [userParty(actor)],
      debugData: { text },
      client: { ipAddress: '192.0.2.7', ipChain: ['192.0.2.7', '2001:db8::1'], userAgent: 'a browser' },
      requestId: 'a request',
      now: published,
    });
  const append = (...events: LogEvent[]) => store.commit(events.map((event) => ({ append: 'event', event })));
  const read = (query: Partial<EventQuery> = {}) =>
    store.events({ by: 'persisted', order: 'ascending', ...ALL, limit: 1000, ...query });
  const uuids = ({ items }: EventPage) => items.map(({ event }) => event.uuid);

  /** Every page of a query, one after the other. */
  async function pages(query: Partial<EventQuery>): Promise<EventPage[]> {
    const all: EventPage[] = [];
    let after = query.after ?? null;
    for (;;) {
      const page = await read({ ...query, after });
      all.push(page);
      after = page.items.at(-1)?.cursor ?? after;
      if (!page.more) return all;
    }
  }

  describe('an event', () => {
    it('comes back as it was appended', async () => {
      const events = ['', 'ä "é" \\ \u0000 \r\n', '__proto__', '\u2028 👩‍🚀'].map((text) =>
        eventAt(MADE_AT, text),
      );
      await append(...events);
      expect((await read()).items.map(({ event }) => event)).toEqual(events);
    });

    it('is written with the change that it records, or not at all', async () => {
      const zone = aZone([], { name: 'Office' });
      await store.commit([
        { put: 'zone', zone },
        { append: 'event', event: eventAt(MADE_AT) },
      ]);
      const refused = store.commit([
        { put: 'zone', zone: aZone([], { name: 'Office' }) },
        { append: 'event', event: eventAt(MADE_AT) },
      ]);
      await expect(refused).rejects.toThrow(/zone name/);
      expect((await read()).items).toHaveLength(1);
    });

    it('is written with a change of thousands, once', async () => {
      const tokens: Mutation[] = Array.from({ length: 1_200 }, () => ({
        put: 'token',
        token: aToken(actor.id).token,
      }));
      const events = Array.from({ length: 30 }, (_, i) => eventAt(MADE_AT + i));
      await store.commit([...tokens, ...events.map((event) => ({ append: 'event', event }) as const)]);
      expect(uuids(await read())).toEqual(events.map(({ uuid }) => uuid));
      expect(uuids(await read({ by: 'published' }))).toEqual(events.map(({ uuid }) => uuid));
    });

    it('is announced to nobody', async () => {
      const heard: unknown[] = [];
      await store.subscribe({ onChange: (change) => heard.push(change), onGap: () => {} });
      await append(eventAt(MADE_AT));
      expect(heard).toEqual([]);
    });
  });

  describe('reading the log', () => {
    it('gives the events in the order in which they were taken, or in which they happened', async () => {
      const times = [3, 1, 2, 1].map((minutes) => MADE_AT + minutes * MINUTE);
      const events = times.map((time) => eventAt(time));
      for (const event of events) await append(event);
      const [third, first, second, alsoFirst] = events.map(({ uuid }) => uuid);
      expect(uuids(await read())).toEqual([third, first, second, alsoFirst]);
      expect(uuids(await read({ order: 'descending' }))).toEqual([alsoFirst, second, first, third]);
      const inTime = [first, alsoFirst, second, third];
      expect(uuids(await read({ by: 'published' }))).toEqual(inTime);
      expect(uuids(await read({ by: 'published', order: 'descending' }))).toEqual(inTime.reverse());
    });

    it('keeps to the moments asked for: the first included, the last not', async () => {
      const events = [1, 2, 3, 4].map((minutes) => eventAt(MADE_AT + minutes * MINUTE));
      await append(...events);
      const [, second, third] = events.map(({ uuid }) => uuid);
      const between = { by: 'published', since: MADE_AT + 2 * MINUTE, until: MADE_AT + 4 * MINUTE } as const;
      expect(uuids(await read(between))).toEqual([second, third]);
      expect(uuids(await read({ ...between, order: 'descending' }))).toEqual([third, second]);
      expect(uuids(await read({ ...between, since: between.until }))).toEqual([]);
    });

    it('keeps to the moments of taking when it follows the log', async () => {
      await append(eventAt(MADE_AT));
      const now = await site.now();
      const HOUR = 60 * MINUTE;
      expect((await read({ since: now - HOUR })).items).toHaveLength(1);
      expect((await read({ since: now + HOUR })).items).toHaveLength(0);
      expect((await read({ until: now + HOUR })).items).toHaveLength(1);
      expect((await read({ until: now - HOUR })).items).toHaveLength(0);
    });

    it('pages through everything once, in every order and size', async () => {
      const events = Array.from({ length: 7 }, (_, i) => eventAt(MADE_AT + (i % 3) * MINUTE));
      await append(...events.slice(0, 4));
      await append(...events.slice(4));
      for (const by of ['persisted', 'published'] as const) {
        for (const order of ['ascending', 'descending'] as const) {
          const whole = uuids(await read({ by, order }));
          expect(new Set(whole)).toEqual(new Set(events.map(({ uuid }) => uuid)));
          for (const limit of [1, 3, 7, 8]) {
            const read = await pages({ by, order, limit });
            expect(read.flatMap(uuids)).toEqual(whole);
            expect(read).toHaveLength(Math.ceil(7 / limit));
            for (const { cursor } of read.flatMap(({ items }) => items)) {
              expect(isEventCursor(cursor, by)).toBe(true);
            }
          }
        }
      }
    });

    it('goes on behind a cursor within the moments asked for', async () => {
      const events = [1, 2, 3, 4, 5].map((minutes) => eventAt(MADE_AT + minutes * MINUTE));
      await append(...events);
      const [first, , third, , fifth] = (await read({ by: 'published' })).items;
      const ids = events.map(({ uuid }) => uuid);
      const range = { by: 'published', since: MADE_AT + 2 * MINUTE, until: MADE_AT + 5 * MINUTE } as const;
      expect(uuids(await read({ ...range, after: third?.cursor ?? '' }))).toEqual(ids.slice(3, 4));
      expect(uuids(await read({ ...range, after: first?.cursor ?? '' }))).toEqual(ids.slice(1, 4));
      const back = { ...range, order: 'descending' } as const;
      expect(uuids(await read({ ...back, after: third?.cursor ?? '' }))).toEqual(ids.slice(1, 2));
      expect(uuids(await read({ ...back, after: fifth?.cursor ?? '' }))).toEqual(ids.slice(1, 4).reverse());
    });

    it('gives whoever follows it what comes late, once, however early it happened', async () => {
      await append(eventAt(MADE_AT + MINUTE));
      const [last] = (await read()).items;
      const late = eventAt(MADE_AT - 100 * MINUTE);
      await append(late);
      const next = await read({ after: last?.cursor ?? '' });
      expect(uuids(next)).toEqual([late.uuid]);
      expect((await read({ after: next.items.at(-1)?.cursor ?? '' })).items).toEqual([]);
    });

    it('misses nothing from the place before a moment on', async () => {
      const before = cursorBefore(await site.now());
      const event = eventAt(MADE_AT);
      await append(event);
      expect(uuids(await read({ after: before }))).toEqual([event.uuid]);
      expect(uuids(await read({ after: cursorBefore(0) }))).toEqual([event.uuid]);
      expect((await read({ after: cursorBefore((await site.now()) + MINUTE) })).items).toEqual([]);
    });

    it('sees what another store on the same data appended', async () => {
      const event = eventAt(MADE_AT);
      await append(event);
      const other = await site.open();
      expect(uuids(await other.events({ by: 'persisted', order: 'ascending', ...ALL, limit: 1 }))).toEqual([
        event.uuid,
      ]);
    });

    it('agrees with a sorted list, whatever happened when', async () => {
      const minute = fc.integer({ min: 0, max: 9 });
      await fc.assert(
        fc.asyncProperty(
          fc.array(minute, { maxLength: 12 }),
          minute,
          minute,
          fc.integer({ min: 1, max: 5 }),
          fc.boolean(),
          async (minutes, from, to, limit, ascending) => {
            await store.purgeEventsBefore(Number.MAX_SAFE_INTEGER);
            const events = minutes.map((each) => eventAt(MADE_AT + each * MINUTE));
            if (events.length > 0) await append(...events);
            const [since, until] = [MADE_AT + from * MINUTE, MADE_AT + to * MINUTE];
            const expected = events
              .filter(({ published }) => published >= since && published < until)
              .toSorted((a, b) => a.published - b.published)
              .map(({ uuid }) => uuid);
            const order = ascending ? 'ascending' : 'descending';
            const found = (await pages({ by: 'published', order, since, until, limit })).flatMap(uuids);
            expect(found).toEqual(ascending ? expected : expected.reverse());
          },
        ),
        { numRuns: 30, seed: 20_261_121 },
      );
    });
  });

  describe('what many gateways see', () => {
    const reportAt = (published: number, key: string, until: number): Report => ({
      event: eventAt(published),
      key,
      until,
    });

    it('is told once under a key until its time is over, whoever tells it', async () => {
      const other = await site.open();
      const until = MADE_AT + MINUTE;
      const [first, again, elsewhere, later] = [
        reportAt(MADE_AT, 'share a', until),
        reportAt(MADE_AT + 10, 'share a', until),
        reportAt(MADE_AT + 20, 'share a', until),
        reportAt(until, 'share a', until + MINUTE),
      ] as const;
      await store.report([first, again]);
      await other.report([elsewhere]);
      expect(uuids(await read())).toEqual([first.event.uuid]);
      await other.report([later]);
      expect(uuids(await read())).toEqual([first.event.uuid, later.event.uuid]);
    });

    it('is told under each key for itself, in their order', async () => {
      const reports = ['a', 'b', 'c'].map((key) => reportAt(MADE_AT, key, MADE_AT + MINUTE));
      await store.report(reports);
      expect(uuids(await read())).toEqual(reports.map(({ event }) => event.uuid));
      expect(uuids(await read({ by: 'published' }))).toHaveLength(3);
    });
  });

  describe('removing old events', () => {
    it('removes those that happened before the moment, however many, and says how many', async () => {
      const old = Array.from({ length: 1_100 }, (_, i) => eventAt(MADE_AT + i));
      const kept = eventAt(MADE_AT + 2_000);
      await append(kept, ...old);
      expect(await store.purgeEventsBefore(MADE_AT + 2_000)).toBe(1_100);
      expect(uuids(await read())).toEqual([kept.uuid]);
      expect(uuids(await read({ by: 'published', order: 'descending' }))).toEqual([kept.uuid]);
      expect(await store.purgeEventsBefore(MADE_AT + 2_000)).toBe(0);
    });

    it('leaves no place to be given twice: who follows the log goes on behind what is gone', async () => {
      await append(eventAt(MADE_AT));
      const [last] = (await read()).items;
      await store.purgeEventsBefore(MADE_AT + 1);
      const next = eventAt(MADE_AT + 2);
      await append(next);
      expect(uuids(await read({ after: last?.cursor ?? '' }))).toEqual([next.uuid]);
    });
  });
}
