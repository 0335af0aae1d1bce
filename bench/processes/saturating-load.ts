/** Asks one gateway as fast as it answers, with tokens in turn. */
import { answerQuestions } from '../child.ts';
import { answered, putLoad } from '../scenarios/load.ts';

export interface SaturatingLoad {
  readonly origin: string;
  readonly path: string;
  readonly secrets: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export interface SaturatingResult {
  readonly admitted: number;
  readonly refused: number;
  /** Other answers than 2xx and 429, and requests without an answer. */
  readonly failed: number;
  /** The ends of the windows that the answers spoke of, in seconds since the epoch. */
  readonly resets: readonly number[];
}

export type SaturatingLoadProcess = { run(load: SaturatingLoad): Promise<SaturatingResult> };

async function run({ origin, path, secrets, connections, seconds }: SaturatingLoad) {
  const asks = secrets.map((secret) => ({
    name: 'one',
    method: 'GET' as const,
    path,
    headers: { authorization: `SSWS ${secret}` },
    body: null,
  }));
  const answers = await putLoad({ url: origin, asks, connections, seconds, rate: null });
  const [admitted, refused] = [answered(answers, 200, 299), answered(answers, 429, 429)];
  return {
    admitted,
    refused,
    failed: answered(answers) - admitted - refused + answers.failed,
    resets: answers.rateHeaders.resets,
  };
}

answerQuestions({ run } satisfies SaturatingLoadProcess);
