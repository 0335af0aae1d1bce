import type { AnswerListener } from './answer-listener.ts';
import { DroppedAnswer } from './dropped-answer.ts';

/**
 * Who hears the answers on one connection: whose turn it is, and those behind, in the order in which their requests were
 * written, which is that of their answers (RFC 9112 §9.3.2).
 */
export class AnswerTurns {
  /** Hears the answer that is to come first; null when none is. */
  first: AnswerListener | null;
  #behind: AnswerListener[] = [];

  constructor(first: AnswerListener) {
    this.first = first;
  }

  /** Whether answers are to come behind the first. */
  get hasBehind(): boolean {
    return this.#behind.length > 0;
  }

  /** Whether anybody wants one of the answers behind the first. */
  get isBehindWanted(): boolean {
    return this.#behind.some(isWanted);
  }

  /** Whether anybody wants one of the answers. */
  get isWanted(): boolean {
    return (this.first !== null && isWanted(this.first)) || this.isBehindWanted;
  }

  /** Puts a listener behind all others. */
  add(listener: AnswerListener): void {
    this.#behind.push(listener);
  }

  /** The first answer is over. */
  next(): void {
    this.first = this.#behind.shift() ?? null;
  }

  /**
   * Lets the answer fall that `listener` would hear.
   * @param giveUp called when it proves too long for that
   * @returns whether it is its turn
   */
  drop(listener: AnswerListener, giveUp: () => void): boolean {
    const dropped = new DroppedAnswer(listener, giveUp);
    const isFirst = listener === this.first;
    if (isFirst) this.first = dropped;
    else this.#behind = this.#behind.map((each) => (each === listener ? dropped : each));
    return isFirst;
  }

  /** Takes out all behind the first. */
  takeBehind(): readonly AnswerListener[] {
    return this.#behind.splice(0);
  }

  /** Forgets everybody. */
  clear(): void {
    this.first = null;
    this.#behind.length = 0;
  }
}

function isWanted(listener: AnswerListener): boolean {
  return !(listener instanceof DroppedAnswer);
}

/** Tells those that stood behind another that their requests are to be sent again. */
export function passOver(listeners: readonly AnswerListener[], unseen: boolean): void {
  for (const listener of listeners) listener.passedOver(unseen);
}
