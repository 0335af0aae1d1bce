import type { RejectionCode } from '../../../domain/rejection.ts';
import { isRefusedAddress } from '../../forward/target-lookup.ts';
import { certificateFault } from '../../forward/target-tls.ts';
import type { Progress } from './answer-listener.ts';
import type { AnswerReader } from './answer-reader.ts';

/** `gathering`: requests were taken, and are not written. `busy`: requests were written, and their answers are not over. */
export type ConnectionPhase = 'connecting' | 'idle' | 'gathering' | 'busy' | 'closed';

/** Why a request whose turn it was has failed. */
export interface Failure {
  readonly code: RejectionCode;
  readonly progress: Progress;
  /** What the code leaves open. */
  readonly reason: string | null;
}

/**
 * What the loss of a connection means for the request whose turn it is.
 * @param error what the socket says of it, if it does
 * @returns why it failed; `cut` when its answer breaks off, `unwritten` when it was not written, `unused` when there is none
 */
export function lossOf(
  phase: ConnectionPhase,
  answer: AnswerReader,
  error: NodeJS.ErrnoException | null,
): Failure | 'cut' | 'unwritten' | 'unused' {
  if (error !== null && isRefusedAddress(error)) return failure('forward.address', 'unsent');
  const isUnseen = phase === 'connecting' || (phase === 'busy' && answer.state === 'unseen');
  const fault = error !== null && isUnseen ? certificateFault(error) : null;
  if (fault !== null)
    return failure('forward.certificate', phase === 'connecting' ? 'unsent' : 'sent', fault);
  switch (phase) {
    case 'connecting':
      return failure('forward.connect', 'unsent');
    case 'busy':
      if (!answer.isBeforeBody) return 'cut';
      return failure('forward.reset', isUnseen ? 'sent' : 'answering');
    case 'gathering':
      return 'unwritten';
    default:
      return 'unused';
  }
}

function failure(code: RejectionCode, progress: Progress, reason: string | null = null): Failure {
  return { code, progress, reason };
}
