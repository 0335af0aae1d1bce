/** What the machine keeps from any program while all its cores are in use, whatever that program does. */
import { Child } from '../child.ts';
import type { Gaps } from '../gaps.ts';
import { GATEWAY_CORE, LOAD_CORE } from '../peers/surroundings.ts';
import type { CoreGapsProcess } from '../processes/core-gaps.ts';

const MODULE = new URL('../processes/core-gaps.ts', import.meta.url);
/** Beyond the time that is looked at, in milliseconds: to start, and to warm up. */
const SPARE_MS = 60_000;

/** Has a process on each of the two cores look at the clock for so long. @returns what that on the gateway's core missed */
export async function machineGaps(seconds: number): Promise<Gaps> {
  const processes = [GATEWAY_CORE, LOAD_CORE].map((core) => ({
    core,
    child: Child.start<CoreGapsProcess>(MODULE),
  }));
  try {
    const watched = processes.map(({ core, child }) =>
      child.ask('watch', { core, seconds }, seconds * 1_000 + SPARE_MS),
    );
    const [gaps] = await Promise.all(watched);
    if (gaps === undefined) throw new Error('two were asked');
    return gaps;
  } finally {
    await Promise.all(processes.map(({ child }) => child.end()));
  }
}
