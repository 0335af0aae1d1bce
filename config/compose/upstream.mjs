/** The sample upstream of compose.yaml: answers every request with what it was sent, so that one sees what a gateway adds. */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const { method, url, headers } = request;
    response.setHeader('content-type', 'application/json');
    response.end(`${JSON.stringify({ method, url, headers }, null, 2)}\n`);
  });
});

server.listen(9001, '0.0.0.0');
process.once('SIGTERM', () => server.close(() => process.exit(0)));
