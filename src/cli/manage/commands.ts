/** The commands that manage a running Tollgate: clients of its management API, whatever machine they run on. */
import type { Command } from 'commander';
import { addAgent } from './agent.ts';
import { addCompletion } from './completion.ts';
import type { ManageContext, ManageSurroundings } from './context.ts';
import { addExplain } from './explain.ts';
import { addLog } from './log.ts';
import { addProfile } from './profile.ts';
import { addToken } from './token.ts';
import { addUser } from './user.ts';
import { addZone } from './zone.ts';

/** Adds them to the program. */
export function addManagement(program: Command, surroundings: ManageSurroundings): void {
  program.option('--insecure', 'send the token over plain http, also to another machine');
  const context: ManageContext = { ...surroundings, isInsecure: () => program.opts()['insecure'] === true };
  for (const add of [addToken, addZone, addUser, addAgent, addLog, addExplain, addProfile])
    add(program, context);
  addCompletion(program, context);
}
