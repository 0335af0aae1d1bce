import type { AddressInfo } from 'node:net';
import type { Config } from '../../config/config.ts';
import type { Answers, FromWorker, Topic, ToWorker } from './messages.ts';

/** How a worker answers what its primary asks. */
export interface WorkerDuties {
  readonly answer: { readonly [T in Topic]: () => Promise<Answers[T]> };
  readonly lastCall: () => void;
}

/**
 * Tells the primary where this worker listens, and from then on answers it. A worker whose primary is gone ends by
 * itself: node:cluster sees to that.
 */
export function reportForDuty(listensAt: AddressInfo, { answer, lastCall }: WorkerDuties): void {
  process.on('message', (message: ToWorker) => {
    if ('tell' in message) lastCall();
    else void answer[message.ask]().then((given) => say({ question: message.question, answer: given }));
  });
  say({ listensAt });
}

function say(message: FromWorker): void {
  process.send?.(message);
}

/** The configuration as it is for one of several workers: what counts for the whole process is divided among them. */
export function shareOfWorker(config: Config): Config {
  const { listen, limit, workers } = config;
  return {
    ...config,
    listen: {
      ...listen,
      maxConnections: Math.ceil(listen.maxConnections / workers),
      maxConnectionsPerAddress: Math.ceil(listen.maxConnectionsPerAddress / workers),
    },
    limit: { ...limit, gateways: limit.gateways * workers },
  };
}
