/**
 * When a window that opens with a request at `now` ends: that second plus the window (docs/okta.md §5, "Fixed
 * windows": measured on Okta, the window opens at the first request and is not aligned to the wall clock).
 * @param now milliseconds since the epoch
 * @returns milliseconds since the epoch, a whole second
 */
export function windowEnd(now: number, windowSeconds: number): number {
  return (Math.floor(now / 1000) + windowSeconds) * 1000;
}
