import { agentOperations } from './agents/operations.ts';
import type { ControlParts } from './control-parts.ts';
import { explainOperation } from './explain/operations.ts';
import { logOperations } from './log/operations.ts';
import type { Operation } from './operation.ts';
import { settingOperations } from './settings/operations.ts';
import { shareOperations } from './shares/operations.ts';
import { tokenOperations } from './tokens/operations.ts';
import { usageOperation } from './usage/operations.ts';
import { userOperations } from './users/operations.ts';
import { zoneOperations } from './zones/operations.ts';

/** Every operation of the management API, one line for each resource. */
export function resources(parts: ControlParts): readonly Operation[] {
  return [
    ...tokenOperations(parts),
    ...userOperations(parts),
    ...zoneOperations(parts),
    ...shareOperations(parts),
    ...settingOperations(parts),
    ...agentOperations(parts),
    ...logOperations(parts),
    explainOperation(parts),
    usageOperation(parts),
  ];
}
