/** Connections to upstreams, and listeners that do what no exchange should. */
import { afterEach, describe, expect, it } from 'vitest';
import { createUpstreams, type Upstreams } from '../../../../src/gateway/forward/upstreams.ts';
import type { AnswerListener } from '../../../../src/gateway/transport/fast/answer-listener.ts';
import type { UpstreamConnection } from '../../../../src/gateway/transport/fast/upstream-connection.ts';
import { UpstreamPools } from '../../../../src/gateway/transport/fast/upstream-pool.ts';
import { systemClock } from '../../../../src/kernel/clock.ts';
import { UPSTREAM } from '../../../support/gateway.ts';
import { answering, ok, request, type ScriptedUpstream, startScripted } from '../wire.ts';

/** Asks for a path, and keeps what it hears. */
class Listener implements AnswerListener {
  readonly heard: string[] = [];
  readonly over: Promise<void>;
  readonly #path: string;
  #tellOver: () => void = () => {};

  constructor(path: string) {
    this.#path = path;
    this.over = new Promise((resolve) => {
      this.#tellOver = resolve;
    });
  }

  opened(connection: UpstreamConnection): void {
    connection.send(request(`GET ${this.#path}`), null, true, false);
  }
  head(): boolean {
    this.#hear('head');
    return true;
  }
  data(bytes: Buffer, start: number, end: number): void {
    this.#hear(bytes.toString('latin1', start, end));
  }
  end(): void {
    this.#hearLast('end');
  }
  failed(code: string, progress: string): void {
    this.#hearLast(`${code} ${progress}`);
  }
  passedOver(unseen: boolean): void {
    this.#hearLast(unseen ? 'passed over, unseen' : 'passed over');
  }
  cut(): void {
    this.#hearLast('cut');
  }
  onBug(bug: unknown): void {
    this.#hearLast(String(bug));
  }
  readOver(): boolean {
    return true;
  }
  drained(): void {}
  information(): void {}

  #hear(what: string): void {
    this.heard.push(what);
  }
  #hearLast(what: string): void {
    this.#hear(what);
    this.#tellOver();
  }
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Pool {
  readonly upstream: ScriptedUpstream;
  readonly doubts: string[];
  connect(listener: AnswerListener, pipelined?: boolean): UpstreamConnection;
}

/** A pool with one connection, which has carried a request. */
async function usedPool(script: Parameters<typeof startScripted>[0]): Promise<Pool> {
  const upstream = await startScripted(script);
  closers.push(upstream.close);
  const upstreams: Upstreams = createUpstreams(
    [{ ...UPSTREAM, targets: [upstream.origin], pipelining: 4 }],
    systemClock,
  );
  closers.push(upstreams.close);
  const doubts: string[] = [];
  const pools = new UpstreamPools(systemClock, (origin) => doubts.push(origin));
  closers.push(() => pools.close());
  const choice = upstreams.choose('/');
  if (typeof choice === 'string') throw new Error(choice);
  const connect: Pool['connect'] = (listener, pipelined = true) =>
    pools.of(choice).connect(listener, pipelined);
  const first = new Listener('/first');
  connect(first);
  await first.over;
  await new Promise(setImmediate);
  return { upstream, doubts, connect };
}

const targets = ({ wires }: ScriptedUpstream) =>
  wires.map(({ received }) => [...received.matchAll(/GET (\S+)/g)].map(([, target]) => target));

describe('a connection that gathers requests', () => {
  it('takes none behind one that was not written, and is not used', async () => {
    const { upstream, connect } = await usedPool(answering(ok('fine')));
    const silent = new Listener('/silent');
    silent.opened = () => {};
    connect(silent);
    const next = new Listener('/next');
    connect(next);
    await next.over;
    expect(next.heard).toEqual(['head', 'fine', 'end']);
    expect(silent.heard).toEqual([]);
    expect(targets(upstream)).toEqual([['/first'], ['/next']]);
  });

  it('is closed at the end of the turn when none was written', async () => {
    const { upstream, connect } = await usedPool(answering(ok('fine')));
    const silent = new Listener('/silent');
    silent.opened = () => {};
    expect(connect(silent).isOpen).toBe(false);
    await upstream.wires[0]?.parted;
    expect(targets(upstream)).toEqual([['/first']]);
  });

  it('leaves out whose request was not written behind others', async () => {
    const { upstream, connect } = await usedPool(answering(ok('fine')));
    const all = ['/a', '/silent', '/b'].map((path) => new Listener(path));
    for (const listener of all) {
      if (listener === all[1]) listener.opened = () => {};
      connect(listener);
    }
    await Promise.all([all[0]?.over, all[2]?.over]);
    expect(all.map(({ heard }) => heard)).toEqual([['head', 'fine', 'end'], [], ['head', 'fine', 'end']]);
    expect(targets(upstream)).toEqual([['/first', '/a', '/b']]);
  });

  it('writes nothing when something comes before: those who asked are told to ask elsewhere', async () => {
    const { upstream, connect, doubts } = await usedPool(answering(ok('fine')));
    const [one, other] = [new Listener('/a'), new Listener('/b')];
    await new Promise<void>((resolve) => {
      // Behind timers the event loop reads, and only then it writes what was gathered.
      setTimeout(() => {
        upstream.wires[0]?.send(ok('stray'));
        connect(one);
        connect(other);
        resolve();
      }, 1);
    });
    await Promise.all([one.over, other.over]);
    expect([one.heard, other.heard]).toEqual([['passed over, unseen'], ['passed over, unseen']]);
    expect(doubts).toEqual([upstream.origin]);
    await upstream.wires[0]?.parted;
    expect(targets(upstream)).toEqual([['/first']]);
  });
});

describe('a listener that gives up while it is being told', () => {
  it('hears nothing more, and those behind it are to ask elsewhere', async () => {
    const { upstream, connect } = await usedPool(answering(ok('fine')));
    const [one, other] = [new Listener('/a'), new Listener('/b')];
    const connection = connect(one);
    one.head = () => {
      connection.abandon(one);
      return true;
    };
    connect(other);
    await other.over;
    expect([one.heard, other.heard]).toEqual([[], ['passed over']]);
    await upstream.wires[0]?.parted;
  });

  it('hears what it throws last, and those behind it are to ask elsewhere', async () => {
    const { connect } = await usedPool(answering(ok('fine')));
    const [one, other] = [new Listener('/a'), new Listener('/b')];
    connect(one);
    one.data = () => {
      throw new Error('a bug');
    };
    connect(other);
    await Promise.all([one.over, other.over]);
    expect([one.heard, other.heard]).toEqual([['head', 'Error: a bug'], ['passed over']]);
  });

  it('may throw when its answer is whole: the one whose turn it is then is to ask elsewhere', async () => {
    const { upstream, connect } = await usedPool(answering(ok('fine')));
    const all = ['/a', '/b', '/c'].map((path) => new Listener(path));
    for (const listener of all) {
      if (listener === all[0]) {
        listener.end = () => {
          throw new Error('a bug');
        };
      }
      connect(listener);
    }
    await Promise.all(all.map(({ over }) => over));
    const [first, ...others] = all.map(({ heard }) => heard);
    expect(first).toEqual(['head', 'fine', 'Error: a bug']);
    expect(others).toEqual([['passed over'], ['passed over']]);
    await upstream.wires[0]?.parted;
  });
});
