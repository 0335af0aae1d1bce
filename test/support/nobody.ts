/**
 * Where nobody listens, today and in the next moment: port 1 is no system's to give by itself. The port of a server that
 * has closed is: it goes to whoever asks next.
 */
export const NOBODY = 'http://127.0.0.1:1';
