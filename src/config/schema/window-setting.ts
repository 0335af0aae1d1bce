import { duration } from '../setting.ts';

/** The length of a window: what is written is whole seconds with their unit, what comes out their number. */
export const window = duration('1s', '1d')
  .refine((milliseconds) => milliseconds % 1000 === 0, { error: 'must be whole seconds, such as 60s' })
  .transform((milliseconds) => milliseconds / 1000);

/** Names a setting as the domain's `Endpoint` has it. */
export function inSeconds<T extends { window: number }>({ window: windowSeconds, ...others }: T) {
  return { ...others, windowSeconds };
}
