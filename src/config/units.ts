const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

export const DURATION = /^\d{1,9}(ms|s|m|h|d)$/;
export const SIZE = /^\d{1,9}(B|KiB|MiB|GiB|TiB)$/;

/** `250ms`, `5s`, `1m`, `12h`, `30d` → milliseconds; null for anything else. A bare number is no duration. */
export function parseDuration(text: string): number | null {
  return DURATION.test(text) ? inUnits(text, MILLISECONDS) : null;
}

/** `512B`, `64KiB`, `10MiB`, `1GiB`, `1TiB` → bytes; null for anything else. A bare number is no size. */
export function parseSize(text: string): number | null {
  return SIZE.test(text) ? inUnits(text, BYTES) : null;
}

function inUnits(text: string, units: Readonly<Record<string, number>>): number | null {
  const unit = units[text.replace(/^\d+/, '')];
  return unit === undefined ? null : Number.parseInt(text, 10) * unit;
}
