/** A mix: which requests a load is made of, and how often each comes. */
import { parse } from 'yaml';
import { z } from 'zod';
import type { Ask } from './load.ts';

export interface Part {
  readonly ask: Ask;
  /** How often it comes, beside the others. */
  readonly weight: number;
}

/** What is asked where no mix is given. */
export const PLAIN_MIX: readonly Part[] = [
  { ask: { name: 'GET /', method: 'GET', path: '/', headers: {}, body: null }, weight: 1 },
];

const MIX = z.strictObject({
  requests: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
        path: z.string().startsWith('/'),
        weight: z.int().min(1).max(1000).default(1),
        headers: z.record(z.string(), z.string()).default({}),
        body: z.string().nullable().default(null),
      }),
    )
    .min(1),
});

/**
 * @param text YAML: `requests`, a list of `{ name, method, path, weight, headers, body }`, of which only `path` must be
 *   given
 * @throws Error that names the file and every mistake in it
 */
export function readMix(text: string, file: string): Part[] {
  const read = MIX.safeParse(parse(text));
  if (!read.success) throw new Error(`${file}:\n${z.prettifyError(read.error)}`);
  return read.data.requests.map(({ name, method, path, weight, headers, body }) => ({
    ask: { name: name ?? `${method} ${path}`, method, path, headers, body },
    weight,
  }));
}
