/**
 * The kinds of setting. Each takes what YAML or the environment gave, so a number or `true` may come as text, a list
 * as text with commas, and `null` as the word. What is refused says what would be right, in one line.
 */
import { z } from 'zod';
import { nearest } from '../domain/suggestion.ts';
import { DURATION, parseDuration, parseSize, SIZE } from './units.ts';

/** A group of settings. Keys that are not in `shape` are refused, each with the key that was probably meant. */
export function section<S extends z.ZodRawShape>(shape: S) {
  const keys = Object.keys(shape);
  return z.strictObject(shape, {
    // One line for each key, in their order: findings.ts makes one finding of each.
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key: string) => unknownKey(key, keys)).join('\n')
        : mustBe(`a map of ${keys.join(', ')}`, { secret: true })(issue),
  });
}

function unknownKey(key: string, keys: readonly string[]): string {
  const meant = nearest(key, keys);
  if (meant !== null) return `there is no such setting; did you mean ${meant}?`;
  return `there is no such setting here; there are ${keys.join(', ')}`;
}

/** The keyword of the JSON Schema that marks what a reload cannot change; see restart.ts. */
export const NEEDS_RESTART = 'x-needs-restart';

/** Marks a setting, or a group with all in it, as one that a running process cannot change. */
export function needsRestart<T extends z.ZodType>(setting: T): T {
  return setting.meta({ ...setting.meta(), [NEEDS_RESTART]: true });
}

/** A whole number. */
export function integer(min: number, max: number, what = `a whole number from ${min} to ${max}`) {
  const error = mustBe(what);
  return z.preprocess(numberFromText, z.int({ error }).min(min, { error }).max(max, { error }));
}

/** A part of a whole. */
export function ratio() {
  const error = mustBe('a number from 0 to 1');
  return z.preprocess(numberFromText, z.number({ error }).min(0, { error }).max(1, { error }));
}

export function flag() {
  const error = mustBe('true or false');
  return z.preprocess((value) => WORDS.get(value) ?? value, z.boolean({ error }));
}

/** One of a few words. */
export function choice<const W extends readonly [string, ...string[]]>(...words: W) {
  const head = words.slice(0, -1).join(', ');
  const what = head === '' ? String(words.at(-1)) : `${head} or ${words.at(-1)}`;
  return z.enum(words, { error: mustBe(what) });
}

/** Text with a unit, such as `250ms`; becomes milliseconds. The bounds are written the same way. */
export function duration(min: string, max: string) {
  const what = `a duration from ${min} to ${max} with its unit (ms, s, m, h or d)`;
  return measure(what, DURATION, parseDuration, min, max);
}

/** Text with a unit, such as `64KiB`; becomes bytes. The bounds are written the same way. */
export function size(min: string, max: string) {
  const what = `a size from ${min} to ${max} with its unit (B, KiB, MiB, GiB or TiB)`;
  return measure(what, SIZE, parseSize, min, max);
}

function measure(
  what: string,
  pattern: RegExp,
  parse: (text: string) => number | null,
  min: string,
  max: string,
) {
  const least = parse(min) ?? 0;
  const most = parse(max) ?? 0;
  return text(what, pattern, (written) => {
    const value = parse(written);
    return value !== null && value >= least && value <= most ? value : null;
  });
}

export interface TextOptions {
  /** The value must not show in a message. */
  readonly secret?: boolean;
}

/**
 * Text of a form, and what is made of it.
 * @param what completes "must be …"
 * @param pattern the form as far as a pattern can tell, for editors too
 * @param read makes a value of the text, or null where the text is refused after all
 */
export function text<T>(
  what: string,
  pattern: RegExp,
  read: (text: string) => T | null,
  options: TextOptions = {},
) {
  const error = mustBe(what, options);
  return z
    .string({ error })
    .regex(pattern, { error })
    .transform((input, context): T => {
      const value = read(input);
      if (value !== null) return value;
      context.addIssue({ code: 'custom', input, message: error({ input }) });
      return z.NEVER;
    });
}

/** Text of a form, taken as it is. */
export function word(what: string, pattern: RegExp) {
  const error = mustBe(what);
  return z.string({ error }).regex(pattern, { error });
}

/** Text that a rule of the domain reads; the rule's own error says what would be right. */
export function textFor(what: string, judge: (text: string) => unknown) {
  return z.string({ error: mustBe(what) }).superRefine((input, context) => {
    try {
      judge(input);
    } catch (error) {
      // Anything but a plain Error is a bug, and not a word about the text.
      if (!(error instanceof Error) || error.name !== 'Error') throw error;
      context.addIssue({ code: 'custom', input, message: error.message });
    }
  });
}

/** The setting may be switched off with `null`. */
export function orNull<T extends z.ZodType>(setting: T) {
  return z.preprocess((value) => (value === 'null' ? null : value), setting.nullable());
}

/** A list of values; text holds them with commas between. */
export function list<T extends z.ZodType>(what: string, item: T, min = 0) {
  const error = mustBe(what);
  return z.preprocess(
    (value) => (typeof value === 'string' ? splitAtCommas(value) : value),
    z.array(item, { error }).min(min, { error }),
  );
}

/** One value or a list of them; becomes a list. */
export function oneOrMore<T extends z.ZodType>(what: string, item: T) {
  const error = mustBe(what);
  return z.preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(item, { error }).min(1, { error }),
  );
}

/** The message of a setting that is missing or refused. */
export function mustBe(what: string, { secret = false }: TextOptions = {}) {
  return ({ input }: { readonly input?: unknown }): string => {
    if (input === undefined) return `is missing: it must be ${what}`;
    return secret ? `must be ${what}` : `must be ${what}, not ${shown(input)}`;
  };
}

const LONGEST_SHOWN = 60;

function shown(value: unknown): string {
  if (value === null) return 'nothing';
  // A password may stand before the host of a URL.
  const json = JSON.stringify(value).replaceAll(/\/\/[^\s"]*@/g, '//***@');
  return json.length > LONGEST_SHOWN ? `${json.slice(0, LONGEST_SHOWN)}…` : json;
}

const WORDS: ReadonlyMap<unknown, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
}

function splitAtCommas(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
