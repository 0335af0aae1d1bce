import type { EventQuery } from './store.ts';

// No moment until the year 9999 has more digits, nor do the events of one millisecond.
const FORMS: Readonly<Record<EventQuery['by'], RegExp>> = {
  persisted: /^\d{1,15}_\d{1,9}$/,
  published: /^\d{1,15}_\d{1,15}_\d{1,9}$/,
};
const SEQUENCE_MAX = 999_999_999;

/**
 * A place in the System Log as readers carry it: numbers joined with `_`. In the order in which the store took the
 * events, the moment of that (milliseconds since the epoch) and a number within it; in the order in which they
 * happened, that moment first. Stores take no other form.
 */
export function isEventCursor(text: string, by: EventQuery['by']): boolean {
  return FORMS[by].test(text);
}

/** The place in the order of taking before every event taken at `time` (milliseconds since the epoch) or later. */
export function cursorBefore(time: number): string {
  return `${Math.max(0, time - 1)}_${SEQUENCE_MAX}`;
}
