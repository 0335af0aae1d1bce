import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** What an accepted socket reads and writes by: Node's own, of which only what is needed here is named. */
interface Handle {
  useUserBuffer?: unknown;
}
interface AcceptedSocket {
  _handle: Handle | null;
}
type TakenOver = Omit<SocketConstructorOpts, 'handle'> & { handle: Handle };

/**
 * Lets an accepted connection be read as `net.connect` offers it for those that we open (`onread`): into memory of our
 * own, without a buffer, an event and a collection for each reading (docs/adr/0031-reading-clients-in-place.md).
 * @param accepted nothing was read of it yet; with the connection taken over it is an empty shell, and closes with it
 * @returns the connection's new socket; null where Node offers none for it (TLS), or no longer: `accepted` is untouched
 */
export function readInto(accepted: Socket, onread: OnReadOpts): Socket | null {
  const shell = accepted as unknown as AcceptedSocket;
  const handle = shell._handle;
  if (accepted.constructor !== Socket || typeof handle?.useUserBuffer !== 'function') return null;
  shell._handle = null;
  const { allowHalfOpen } = accepted;
  const options: TakenOver = { handle, onread, allowHalfOpen, readable: true, writable: true };
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  // Its server counts the shell.
  socket.once('close', () => accepted.destroy());
  return socket;
}
