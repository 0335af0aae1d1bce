/**
 * What the primary and its workers say to each other over the channel that node:cluster opens. Both are the same
 * version of the same program, so what comes is told apart and not judged.
 */
import type { AddressInfo } from 'node:net';
import type { Snapshot } from '../../telemetry/worker-metrics.ts';

/** What a worker can be asked. */
export interface Answers {
  /** Its metrics as they are now. */
  readonly metrics: Snapshot;
  /** What is not well, as lines; none when all is. */
  readonly health: readonly string[];
}

export type Topic = keyof Answers;

export type ToWorker = { readonly ask: Topic; readonly question: number } | { readonly tell: 'last-call' };

export type FromWorker =
  | { readonly listensAt: AddressInfo }
  | { readonly question: number; readonly answer: Answers[Topic] };
