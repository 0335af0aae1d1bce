import { word } from '../setting.ts';

/** A file that the configuration names. */
export const file = () => word('the path of a file', /^[^\0]+$/);

/** What a server is called by over TLS, and its certificate must be for. */
export const serverName = () => word('the name of a host', /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})$/);
