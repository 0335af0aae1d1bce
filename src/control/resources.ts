import { agentOperations } from './agents/operations.ts';
import type { ControlParts } from './control-parts.ts';
import { logOperations } from './log/operations.ts';
import type { Operation } from './operation.ts';
import { tokenOperations } from './tokens/operations.ts';
import { userOperations } from './users/operations.ts';
import { zoneOperations } from './zones/operations.ts';

/** Every operation of the management API, one line for each resource. */
export function resources(parts: ControlParts): readonly Operation[] {
  return [
    ...tokenOperations(parts),
    ...userOperations(parts),
    ...zoneOperations(parts),
    ...agentOperations(parts),
    ...logOperations(parts),
  ];
}
