/** The setting of how much of a budget may be spent before the System Log warns (docs/okta.md §5, "Settings"). */
export const WARNING_THRESHOLD = {
  /** Its name in the store. */
  name: 'rate-limit.warning-threshold',
  /** What holds until somebody sets it, in percent. */
  preset: 90,
} as const;

/** The percentage in what the store holds under that name; the preset where it holds nothing that is one. */
export function warningPercentIn(stored: unknown): number {
  if (typeof stored !== 'object' || stored === null || !('warningThreshold' in stored)) {
    return WARNING_THRESHOLD.preset;
  }
  const { warningThreshold } = stored;
  return typeof warningThreshold === 'number' ? warningThreshold : WARNING_THRESHOLD.preset;
}
