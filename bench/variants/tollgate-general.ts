/** The general transport behind a gate that lets everything pass: listen and forward alone. */
export { startGeneral as start } from '../tollgate/start.ts';
