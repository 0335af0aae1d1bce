/** Which planes a process runs. */
export const ROLES = ['all', 'gateway', 'control'] as const;
export type ServeRole = (typeof ROLES)[number];
