import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import type { Output } from '../config-check.ts';
import { ManagementClient } from './client.ts';
import { connectionFrom } from './connection.ts';

/** What the world gives the commands that manage. */
export interface ManageSurroundings {
  readonly env: Environment;
  readonly out: Output;
  /** Ends what would go on for ever. */
  readonly signal: AbortSignal;
  /** Reads a secret without showing it. @param question what the person at the terminal is asked */
  readonly readSecret: (question: string) => Promise<string>;
  /** How often the log is asked for news, in milliseconds. */
  readonly pollMs: number;
}

/** The client for the command; made when it is needed, so that help needs no token. */
export function clientFor({ env, isInsecure }: ManageContext): ManagementClient {
  return new ManagementClient(connectionFrom(env, isInsecure()));
}

/** What the commands work with. */
export interface ManageContext extends ManageSurroundings {
  /** Whether the token may go over plain http to another machine. */
  readonly isInsecure: () => boolean;
}

export interface OutputOptions {
  readonly json?: true;
}

/** Adds `--json`: the answer of the API as it is, for programs. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print the answer of the API as JSON');
}

/** Prints the answer: as JSON where that was asked for, else for people. */
export function print(
  { out }: ManageContext,
  { json }: OutputOptions,
  body: unknown,
  forPeople: () => string,
): void {
  out.write(json === true ? `${JSON.stringify(body, null, 2)}\n` : forPeople());
}

/** The same, where what people see takes further questions. */
export async function printWith(
  context: ManageContext,
  options: OutputOptions,
  body: unknown,
  forPeople: () => Promise<string>,
): Promise<void> {
  const words = options.json === true ? '' : await forPeople();
  print(context, options, body, () => words);
}

/** What follows the path: the parameters that are given. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** Gathers the values of an option that may be given several times. */
export function gather(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
