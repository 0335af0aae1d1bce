/**
 * When one request passed from stage to stage: one reading of the clock at each boundary, in milliseconds of
 * `Clock.monotonic`. NaN where it has not come so far.
 */
export class StageTimes {
  /** The gate was asked. */
  began = Number.NaN;
  /** The token was found, or found wanting. */
  resolved = Number.NaN;
  /** The network condition was judged. */
  zoned = Number.NaN;
  /** The limits were asked: with a permit, this is when forwarding began. */
  limited = Number.NaN;
  /** The head of the upstream's answer had come. */
  answered = Number.NaN;
}
