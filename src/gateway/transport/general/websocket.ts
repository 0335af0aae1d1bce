/**
 * WebSockets: upgrade requests go through the same gate as every request, and become tunnels to the upstream once it
 * has agreed (docs/websockets.md). http-proxy-3 carries them and nothing else; websocket-handshake.ts says how it is
 * kept to that.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { reject } from '../../decision.ts';
import { unread } from '../../exchange.ts';
import { judgeHead } from '../../listen/head.ts';
import { newRequestId } from '../../listen/request-id.ts';
import { renderRefusal } from '../../refusal.ts';
import type { GeneralTransportOptions } from './options.ts';
import { UpgradeClient } from './websocket-client.ts';
import { type Parting, type UpgradeRequest, WebSocketExchange } from './websocket-exchange.ts';

/** All in milliseconds. */
export interface WebSocketTimeLimits {
  /** To connect to a target, with TLS. */
  readonly connectMs: number;
  /** From there until the head of the upstream's answer is complete. */
  readonly headMs: number;
  /** How long a tunnel may stay without a byte either way. */
  readonly idleMs: number;
  /** How long a connection that is ending may take to close. */
  readonly graceMs: number;
}

export type WebSocketOptions = Omit<GeneralTransportOptions, 'limits'> & {
  readonly timeLimits: WebSocketTimeLimits;
};

export interface WebSocketUpgrades {
  /**
   * Takes over a connection on the `upgrade` event of Node's server, when no earlier request of the connection is
   * still being answered.
   * @param early the bytes that came behind the request's head
   */
  handle(req: IncomingMessage, socket: Socket, early: Buffer): void;
  /**
   * Ends every tunnel with a Close frame, those that are not open yet as soon as they open, and after the grace
   * closes what is left.
   * @param code a status code of RFC 6455 §7.4
   * @param reason for people, ASCII
   * @returns a promise that never rejects, fulfilled when all connections are closed
   */
  closeAll(code: number, reason: string): Promise<void>;
  /** From the next upgrade request on, goes by other options; tunnels stay with theirs. */
  adopt(options: WebSocketOptions): void;
  /** Connections that are open: upgrade requests under way, tunnels, and refused ones that are closing. */
  readonly open: number;
}

/** A connection as the registry sees it. */
interface Upgrade {
  part(parting: Parting): void;
  destroy(): void;
}

/** The part of the general transport that carries WebSockets. */
export function createWebSocketUpgrades(first: WebSocketOptions): WebSocketUpgrades {
  let options = first;
  const { clock } = first;
  const upgrades = new Set<Upgrade>();
  let shutdown: { readonly parting: Parting; readonly done: Promise<void> } | null = null;
  let onLast: () => void = () => {};

  function leave(upgrade: Upgrade): void {
    upgrades.delete(upgrade);
    if (upgrades.size === 0) onLast();
  }

  function enter(request: UpgradeRequest, socket: Socket): void {
    const exchange = new WebSocketExchange(options, request, socket, () => leave(exchange));
    upgrades.add(exchange);
    if (shutdown !== null) exchange.part(shutdown.parting);
    options.pipeline.enter(exchange);
  }

  /** Refuses what has no place in the pipeline. */
  function turnAway(code: RejectionCode, socket: Socket): void {
    const { pipeline, timeLimits } = options;
    const requestId = newRequestId();
    const refusal = renderRefusal(reject(code), { requestId, form: options.refusalForm, now: clock.now() });
    let status = 0;
    const client = new UpgradeClient(socket, clock, timeLimits.graceMs, {
      early() {},
      closed() {
        leave(upgrade);
        pipeline.settled(unread(requestId, code, status));
      },
    });
    const upgrade: Upgrade = { part() {}, destroy: () => client.destroy() };
    upgrades.add(upgrade);
    client.refuse(refusal, () => {
      status = refusal.status;
    });
  }

  function partAll(parting: Parting): Promise<void> {
    for (const upgrade of upgrades) upgrade.part(parting);
    return new Promise((resolve) => {
      const cancel = clock.after(options.timeLimits.graceMs, () => {
        for (const upgrade of upgrades) upgrade.destroy();
      });
      onLast = () => {
        cancel();
        resolve();
      };
      if (upgrades.size === 0) onLast();
    });
  }

  return {
    handle(req, socket, early) {
      const { method = '', url = '', httpVersion, rawHeaders } = req;
      // Nobody is left to be answered, and no address to be judged.
      if (socket.destroyed) return;
      const head = judgeHead(
        { method, url, httpVersion, rawHeaders },
        socket.remoteAddress ?? '',
        options.rules,
      );
      const key = req.headers['sec-websocket-key'];
      if (typeof head === 'string') turnAway(head, socket);
      else if (!head.wantsWebSocket || key === undefined || early.length > 0) {
        turnAway('listen.bad-upgrade', socket);
      } else enter({ head, key }, socket);
    },
    closeAll(code, reason) {
      const parting = { code, reason };
      shutdown ??= { parting, done: partAll(parting) };
      return shutdown.done;
    },
    adopt(next) {
      options = next;
    },
    get open() {
      return upgrades.size;
    },
  };
}
