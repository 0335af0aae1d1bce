import type { ControlParts } from '../../src/control/control-parts.ts';

/** Parts for operations that are looked at and never performed. */
export function parts(): ControlParts {
  return {} as ControlParts;
}
