import type { RejectionCode } from '../../domain/rejection.ts';

const LOST: ReadonlySet<RejectionCode> = new Set([
  'forward.connect',
  'forward.address',
  'forward.certificate',
  'forward.reset',
]);

/** Whether a failure says that the target was not reached or has gone, so that another one may be tried. */
export function isLost(code: RejectionCode): boolean {
  return LOST.has(code);
}
