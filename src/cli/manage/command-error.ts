/** Why a command did not do what it was asked, and what to do next. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  /**
   * @param problem what is wrong, a sentence or several lines
   * @param next what to do about it
   */
  constructor(problem: string, next: string) {
    super(`${problem}\n  ${next}`);
  }
}
