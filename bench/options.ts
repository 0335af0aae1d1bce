import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Variant } from './variant.ts';
import { VARIANTS } from './variants.ts';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly only: readonly Variant[];
  readonly smoke: boolean;
  /** A folder, made when it is not there. */
  readonly results: string;
}

/** Reads the command line; ends the process with a word on what is right when it is wrong. */
export function readOptions(argv: readonly string[]): Options {
  return new Command('npm run bench --')
    .description('Measures what the gateway costs, stage by stage, beside proxies that only forward.')
    .option('--rounds <number>', 'how often all rows are measured with fresh processes', wholeNumber(50), 5)
    .option('--seconds <number>', 'how long each row is measured in a round', wholeNumber(300), 4)
    .option('--connections <number>', 'how many connections ask at the same time', wholeNumber(4096), 64)
    .addOption(
      new Option('--only <rows>', 'names of rows, separated by commas')
        .argParser(rowsNamed)
        .default(VARIANTS, 'all'),
    )
    .option('--smoke', 'a few requests to each row, to see that all of them work', false)
    .addOption(
      new Option('--results <folder>', 'where to write the figures').default(
        path.join(import.meta.dirname, 'results'),
        'bench/results',
      ),
    )
    .parse(argv)
    .opts<Options>();
}

/** A reader of whole numbers from 1 to `max`. It throws InvalidArgumentError for all else. */
export function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from 1 to ${max} is needed.`);
  };
}

/**
 * The rows with these names, in the order of the table.
 * @throws InvalidArgumentError that lists the names there are
 */
export function rowsNamed(text: string): Variant[] {
  const names = new Set(text.split(','));
  const chosen = VARIANTS.filter((variant) => names.delete(variant.name));
  if (names.size === 0) return chosen;
  const all = VARIANTS.map((variant) => variant.name).join(', ');
  throw new InvalidArgumentError(`There is no row called ${[...names].join(', ')}. There are: ${all}.`);
}
