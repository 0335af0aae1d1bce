/** A gateway in a process of its own, which tells how far its memory has grown. Started by memory.test.ts. */
import { createFastTransport } from '../../../src/gateway/transport/fast/server.ts';
import { startGateway, testTransport } from '../../support/gateway.ts';
import { testTls } from '../../support/test-tls.ts';

const [upstream = '', transport = ''] = process.argv.slice(2);
if (transport === 'fast') testTransport(createFastTransport);
const overTls = transport === 'http2';
const gateway = await startGateway({ upstreams: [upstream], transport: { http2: overTls } });
const { port } = overTls ? await gateway.transport.listen(0, '127.0.0.1', testTls()) : gateway;

const { rss } = process.memoryUsage;
let before = 0;
let peak = 0;
setInterval(() => {
  peak = Math.max(peak, rss());
}, 5);
process.on('message', (message) => {
  if (message === 'begin') {
    before = rss();
    peak = before;
  }
  process.send?.({ grown: peak - before });
});
process.on('disconnect', () => process.exit());
process.send?.({ port });
