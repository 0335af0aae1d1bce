/** What every scenario is told on its command line, and the requests that follow from it. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../options.ts';
import type { Ask } from './load.ts';
import { type Part, PLAIN_MIX, readMix } from './mix.ts';

export interface ScenarioOptions {
  readonly url: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly mix?: string | undefined;
  readonly connections: number;
  readonly seconds: number;
}

/** The variable that holds the token where the command line names no other. */
const TOKEN_VARIABLE = 'TOLLGATE_TOKEN';

/** A command with the options that all scenarios have. */
export function scenario(name: string, description: string): Command {
  return new Command(`node bench/scenarios/${name}.ts`)
    .description(description)
    .requiredOption('--url <origin>', 'the gateway, such as http://127.0.0.1:8080', origin)
    .option('--token <variable>', 'name of the environment variable that holds the token', variable)
    .option('--token-file <file>', 'file with tokens, one a line, which are used in turn')
    .option('--mix <file>', 'YAML file with the requests and their weights; GET / alone unless given')
    .option('--connections <number>', 'connections that ask at the same time', wholeNumber(10_000), 32)
    .option('--seconds <number>', 'how long it asks', wholeNumber(86_400), 10);
}

/**
 * The requests of the mix with the tokens in turn.
 * @throws Error that says where a token, or the mix, could be had from; it never holds a secret
 */
export function asksOf(options: ScenarioOptions, env: NodeJS.ProcessEnv): Ask[] {
  return mixed(mixOf(options), tokensOf(options, env));
}

/** @throws Error that names every mistake in the file */
export function mixOf({ mix }: Pick<ScenarioOptions, 'mix'>): readonly Part[] {
  return mix === undefined ? PLAIN_MIX : readMix(readFileSync(mix, 'utf8'), mix);
}

/**
 * Spreads requests by weight: of `a` twice and `b` once comes a, b, a. So many times that every token is used.
 * @param mix whole weights
 */
export function mixed(mix: readonly Part[], tokens: readonly string[]): Ask[] {
  const total = mix.reduce((sum, { weight }) => sum + weight, 0);
  const due = mix.map(() => 0);
  const rounds = Math.ceil(tokens.length / total) * total;
  return Array.from({ length: rounds }, (_, turn) => {
    for (const [at, { weight }] of mix.entries()) due[at] = (due[at] ?? 0) + weight;
    const next = due.indexOf(Math.max(...due));
    due[next] = (due[next] ?? 0) - total;
    const { ask } = mix[next] ?? { ask: undefined };
    if (ask === undefined) throw new Error('a mix has at least one request');
    const token = tokens[turn % tokens.length] ?? '';
    return { ...ask, headers: { authorization: `SSWS ${token}`, ...ask.headers } };
  });
}

/** @throws Error that names the variable or the file in which no token is */
export function tokensOf(
  { token, tokenFile }: Pick<ScenarioOptions, 'token' | 'tokenFile'>,
  env: NodeJS.ProcessEnv,
): string[] {
  if (tokenFile !== undefined) {
    const lines = readFileSync(tokenFile, 'utf8').split('\n');
    const tokens = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    if (tokens.length === 0) throw new Error(`${tokenFile} holds no token; write one a line.`);
    return tokens;
  }
  const name = token ?? TOKEN_VARIABLE;
  const secret = env[name];
  if (secret === undefined || secret === '')
    throw new Error(`${name} is not set; put the token there, or name a file with --token-file.`);
  return [secret];
}

function origin(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '')
    throw new InvalidArgumentError('An origin is needed, such as http://127.0.0.1:8080.');
  return url.origin;
}

/** A secret on a command line is seen by everybody on the machine, so what looks like one is refused. */
function variable(text: string): string {
  if (/^[A-Z_][A-Z0-9_]{0,63}$/.test(text)) return text;
  throw new InvalidArgumentError(
    'The name of an environment variable is needed, in capitals, not the token itself.',
  );
}
