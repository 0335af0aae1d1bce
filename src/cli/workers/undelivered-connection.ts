import type { ChildProcess, Serializable } from 'node:child_process';

interface Closable {
  close(): void;
}

/**
 * Closes the connection that was on its way to a worker when that died. node:cluster hands each worker one at a time,
 * keeps it open until the worker has said that it has it, and forgets it when the worker never does: its client would
 * wait for ever (nodejs/node-v0.x-archive#7006). It is not given to another worker: nobody knows what the first has read
 * of it.
 */
export function closeUndelivered(worker: ChildProcess): void {
  let onItsWay: Closable | null = null;
  const send = worker.send.bind(worker) as (...words: unknown[]) => boolean;
  worker.send = (message: Serializable, ...rest: unknown[]) => {
    const [handle] = rest;
    if (isNewConnection(message) && isClosable(handle)) onItsWay = handle;
    return send(message, ...rest);
  };
  // Before node:cluster hears it, which then hands over the next.
  worker.prependListener('internalMessage', (message: object) => {
    if ('ack' in message) onItsWay = null;
  });
  worker.once('exit', () => onItsWay?.close());
}

/** As lib/internal/cluster/round_robin_handle.js of Node names it. */
function isNewConnection(message: Serializable): boolean {
  return typeof message === 'object' && 'act' in message && message.act === 'newconn';
}

function isClosable(handle: unknown): handle is Closable {
  return typeof handle === 'object' && handle !== null && 'close' in handle;
}
