/** Small forms that all resources of Okta's API share. */
import { z } from 'zod';

/** A moment as Okta writes it: ISO 8601, UTC, with milliseconds. @param time milliseconds since the epoch */
export function isoTime(time: number): string {
  return new Date(time).toISOString();
}

/** The same for records, whose milliseconds Okta always writes as zeros (docs/okta.md §1). */
export function isoSecond(time: number): string {
  return isoTime(time - (time % 1000));
}

/** A link as `link` makes it. */
export const linkSchema = z.object({ href: z.string(), hints: z.object({ allow: z.array(z.string()) }) });

/** A link with the methods it takes, in HAL. */
export function link(href: string, ...allow: readonly string[]) {
  return { href, hints: { allow } };
}

const DAY = 86_400;
const HOUR = 3_600;
const MINUTE = 60;

/** A duration as Okta writes it: ISO 8601, in the largest unit that gives a whole number, as in `P30D` or `PT5M`. */
export function isoDuration(seconds: number): string {
  if (seconds > 0 && seconds % DAY === 0) return `P${seconds / DAY}D`;
  if (seconds > 0 && seconds % HOUR === 0) return `PT${seconds / HOUR}H`;
  if (seconds > 0 && seconds % MINUTE === 0) return `PT${seconds / MINUTE}M`;
  return `PT${seconds}S`;
}

const DURATION = /^P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?$/;

/** The seconds of an ISO 8601 duration of days, hours, minutes and seconds; null when it is not one. */
export function secondsOf(text: string): number | null {
  const match = DURATION.exec(text);
  const parts = match?.slice(1);
  if (parts === undefined || text.endsWith('T') || parts.every((part) => part === undefined)) return null;
  const [days = '0', hours = '0', minutes = '0', seconds = '0'] = parts;
  return Number(days) * DAY + Number(hours) * HOUR + Number(minutes) * MINUTE + Number(seconds);
}
