/** How grave a finding is: nothing to do, something to look at, or something that must not stay so. */
export type Severity = 'ok' | 'doubtful' | 'unfit';

/** One line of what the doctor found. */
export interface Finding {
  readonly severity: Severity;
  /** What was looked at, in a word: `config`, `store`, `upstream`… */
  readonly about: string;
  /** For people, in one line; of what is not well it says what to do. Holds no secret. */
  readonly line: string;
}

export const ok = (about: string, line: string): Finding => ({ severity: 'ok', about, line });
export const doubtful = (about: string, line: string): Finding => ({ severity: 'doubtful', about, line });
export const unfit = (about: string, line: string): Finding => ({ severity: 'unfit', about, line });
