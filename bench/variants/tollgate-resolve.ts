/** And resolve: the token by its SHA-256, from the cache; the caller's address and the gate itself come with it. */
import { startPartial } from '../tollgate/start.ts';
import type { Setting } from '../variant.ts';

export function start(setting: Setting): Promise<string> {
  return startPartial(setting, ['resolve']);
}
