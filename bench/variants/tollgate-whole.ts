/** And account: all stages, on the store of the setting. */
export { startWhole as start } from '../tollgate/start.ts';
