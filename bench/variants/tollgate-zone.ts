/** And zone: the token is bound to a network zone, which holds the caller. */
import { startPartial } from '../tollgate/start.ts';
import type { Setting } from '../variant.ts';

export function start(setting: Setting): Promise<string> {
  return startPartial(setting, ['resolve', 'zone']);
}
