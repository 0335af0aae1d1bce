import { describe, expect, it } from 'vitest';
import { aPermit } from '../../support/gateway.ts';
import { stage } from './stage.ts';
import { request, type Wire } from './wire.ts';

const { gateway, upstream, client } = stage();

type Act = (wire: Wire) => unknown;

const end: Act = ({ socket }) => socket.end();
const reset: Act = ({ socket }) => socket.resetAndDestroy();
const wait: Act = () => {};
const say =
  (bytes: string, then: Act = wait): Act =>
  (wire) => {
    wire.send(bytes);
    return then(wire);
  };

// Closing, so that every request comes on a connection of its own.
const WHOLE = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine';
const PART = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n';

const REQUESTS: Readonly<Record<string, string>> = {
  'a GET': request('GET /a'),
  'a POST with a length': `${request('POST /a', 'Content-Length: 10')}begun`,
  'a POST in chunks': `${request('POST /a', 'Transfer-Encoding: chunked')}5\r\nbegun\r\n`,
};
/** What clients do when the upstream has got their request. */
const CLIENT_ACTS: readonly Act[] = [
  wait,
  say('ended'),
  say('5\r\nended\r\n0\r\n\r\n'),
  say('garbage\r\n\r\n'),
  say(request('GET /b')),
  end,
  reset,
];
/** What the upstream does when it has got the request. */
const UPSTREAM_ACTS: Readonly<Record<string, Act>> = {
  waits: wait,
  answers: say(WHOLE),
  'answers and ends': say(WHOLE, end),
  'answers in part': say(PART),
  'answers in part and ends': say(PART, end),
  'answers in part and resets': say(PART, reset),
  'answers nonsense': say('nonsense\r\n\r\n'),
  'answers with a hint and resets': say('HTTP/1.1 103 Early Hints\r\n\r\n', reset),
  ends: end,
  resets: reset,
};

describe('every exchange is accounted for once, and leaves no target busy, whatever the client does', () => {
  for (const [asked, bytes] of Object.entries(REQUESTS)) {
    for (const [answered, upstreamAct] of Object.entries(UPSTREAM_ACTS)) {
      it(`when it is ${asked} and the upstream ${answered}`, async () => {
        let entered = 0;
        const up = await upstream(async (wire) => {
          await wire.until('\r\n\r\n').catch(wait);
          upstreamAct(wire);
        });
        const g = await gateway({
          upstreams: [up.origin],
          upstream: { failures: 1000 },
          gate: () => {
            entered += 1;
            return aPermit();
          },
        });
        const acting = CLIENT_ACTS.map(async (act, index) => {
          const c = await client(g);
          c.send(bytes);
          await (await up.wire(index)).until('\r\n\r\n').catch(wait);
          act(c);
        });
        await Promise.all(acting);
        for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
        await g.transport.drain(0);
        const ids = g.outcomes.flatMap(({ arrival }) => arrival?.requestId ?? []);
        expect(ids.length).toBe(entered);
        expect(new Set(ids).size).toBe(entered);
        expect(g.upstreams.targets()).toMatchObject([{ busy: 0 }]);
      });
    }
  }
});
