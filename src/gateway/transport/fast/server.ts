import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { TurnoverMap } from '../../../kernel/turnover.ts';
import type { GeneralTransportOptions } from '../general/options.ts';
import { createGeneralTransport, type GeneralTransport, speakLast } from '../general/server.ts';
import type { WebSocketUpgrades } from '../general/websocket.ts';
import { ClientConnection } from './client-connection.ts';
import type { FastOptions } from './options.ts';
import { UpstreamPools } from './upstream-pool.ts';

/** How often connections are looked at at the most and at the least, in milliseconds. */
const LOOK_OFTENEST_MS = 10;
const LOOK_RAREST_MS = 1_000;

/**
 * The transport for the common request, with the general one behind it for every other. A connection begins here,
 * and goes over, for good, with the first bytes that are not a plain request.
 * @param upgrades carries WebSockets; null where none are carried
 */
export function createFastTransport(
  first: GeneralTransportOptions,
  upgrades: Pick<WebSocketUpgrades, 'handle'> | null,
): GeneralTransport {
  const { clock } = first;
  const connections = new TurnoverMap<ClientConnection, (socket: Socket) => void>();
  let onEmpty: () => void = () => {};
  function leave(connection: ClientConnection): void {
    connections.delete(connection);
    if (connections.size === 0) onEmpty();
  }
  let fast = fastOptions(first, poolsOf(first));
  const owner = {
    handedOver(connection: ClientConnection) {
      const handOver = connections.get(connection);
      leave(connection);
      handOver?.(connection.socket);
    },
    closed: leave,
    lastWords: (socket: Socket, code: RejectionCode) => speakLast(socket, code, fast),
    isLastCall: false,
  };
  const general = createGeneralTransport(first, upgrades, (socket, handOver) => {
    connections.set(new ClientConnection(socket, owner, fast), handOver);
  });
  const look = (): void => {
    const now = clock.monotonic();
    for (const connection of connections.keys()) connection.tick(now);
  };
  let stopLooking = clock.every(lookEvery(first), look);

  return {
    listen: (port, host, tls) => general.listen(port, host, tls),

    lastCall() {
      owner.isLastCall = true;
      general.lastCall();
    },

    async drain(graceMs) {
      const underway = [...connections.keys()].filter(({ isBusy }) => isBusy);
      let cut = 0;
      const cutOff = () => {
        cut = underway.filter(({ isBusy }) => isBusy).length;
        for (const { socket } of connections.keys()) socket.destroy();
        return () => {};
      };
      const others = general.drain(graceMs);
      for (const connection of connections.keys()) connection.drain();
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      const stopWaiting = graceMs > 0 ? clock.after(graceMs, cutOff) : cutOff();
      if (connections.size > 0) await empty;
      stopWaiting();
      stopLooking();
      const { finished, cut: alsoCut } = await others;
      fast.pools.close();
      return { finished: finished + underway.length - cut, cut: alsoCut + cut };
    },

    adopt(next) {
      general.adopt(next);
      fast = fastOptions(next, next.upstreams === fast.upstreams ? fast.pools : poolsOf(next));
      for (const connection of connections.keys()) connection.adopt(fast);
      stopLooking();
      stopLooking = clock.every(lookEvery(next), look);
    },

    get open() {
      return connections.size + general.open;
    },
  };
}

function fastOptions(options: GeneralTransportOptions, pools: UpstreamPools): FastOptions {
  const seconds = Math.floor(options.limits.idleTimeoutMs / 1000);
  const keepAliveLines = `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`;
  return { ...options, pools, keepAliveLines };
}

/** Connections of our own to the upstreams, which end with them. */
function poolsOf({ upstreams, clock, onDoubt }: GeneralTransportOptions): UpstreamPools {
  const pools = new UpstreamPools(clock, onDoubt ?? (() => {}));
  upstreams.onClose(() => pools.close());
  return pools;
}

/** A part of the shortest time that is waited for, so that none takes much longer than it should. */
function lookEvery({ limits }: GeneralTransportOptions): number {
  const { headTimeoutMs, idleTimeoutMs, stallTimeoutMs } = limits;
  const shortest = Math.min(headTimeoutMs, idleTimeoutMs, stallTimeoutMs);
  return Math.min(LOOK_RAREST_MS, Math.max(LOOK_OFTENEST_MS, shortest / 4));
}
