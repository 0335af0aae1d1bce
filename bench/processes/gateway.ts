/** The process that is measured: one variant, and nothing else. */
import { answerQuestions } from '../child.ts';
import type { Setting } from '../variant.ts';
import { VARIANTS } from '../variants.ts';

export type GatewayProcess = {
  /** Starts the variant of that name, and answers with its origin. */
  start(what: { readonly name: string; readonly setting: Setting }): Promise<string>;
  /** Processor time of this process until now, all its threads, user and system together: microseconds. */
  cpuMicroseconds(): number;
};

async function start({ name, setting }: { readonly name: string; readonly setting: Setting }) {
  const variant = VARIANTS.find((each) => each.name === name);
  if (variant === undefined) throw new Error(`there is no variant called ${name}`);
  const { start: startVariant } = await variant.load();
  return startVariant(setting);
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

answerQuestions({ start, cpuMicroseconds } satisfies GatewayProcess);
