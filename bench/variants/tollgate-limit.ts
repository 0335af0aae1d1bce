/** And limit: all of Okta's endpoints, and budgets counted in this process, as with the store embedded. */
import { startPartial } from '../tollgate/start.ts';
import type { Setting } from '../variant.ts';

export function start(setting: Setting): Promise<string> {
  return startPartial(setting, ['resolve', 'zone', 'limit']);
}
