/**
 * Holds what the management API answers to two descriptions: its own (/openapi.json), for every operation, and
 * Okta's OpenAPI documents, where they are at hand, for the operations that Okta has.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';
import { z } from 'zod';

const OKTA = resolve(import.meta.dirname, '../../../shared/okta');

/** Whether Okta's documents are there to hold answers to. They are not part of the repository. */
export const OKTA_AT_HAND = existsSync(OKTA);

/** What a request was answered. */
export interface Answered {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
  readonly text: string;
}

/** Every way in which the answer is not as described; empty when it is. */
export type Conformance = (answered: Answered) => readonly string[];

const content = z.object({ 'application/json': z.object({ schema: z.unknown() }).optional() }).optional();
const described = z.object({
  operationId: z.string(),
  responses: z.record(z.string(), z.looseObject({ content, $ref: z.string().optional() })),
});
const document = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.looseObject({})),
  components: z.looseObject({}),
});
type Document = z.output<typeof document>;

/** What any operation may be answered without saying so. */
const UNSAID = new Set([405, 413]);

/** Holds answers to the API's own description, which must know every status. */
export function ownConformance(openapi: unknown): Conformance {
  const own = document.parse(openapi);
  return held([own], new Ajv2020({ strict: false, allErrors: true }), (status) => UNSAID.has(status));
}

/** Holds answers to Okta's documents; paths that are not in them are passed over. */
export function oktaConformance(): Conformance {
  if (!OKTA_AT_HAND) return () => [];
  const conformance = held(oktaDocuments(), new Ajv({ strict: false, allErrors: true }), () => true);
  return ({ text, ...answered }) => conformance({ ...answered, text: withoutNulls(text) });
}

/** The names of all operations in Okta's documents. */
export function oktaOperations(): readonly string[] {
  const methods = oktaDocuments().flatMap(({ paths }) => Object.values(paths).flatMap(Object.values));
  return methods.flatMap((method) => {
    const { success, data } = described.safeParse(method);
    return success ? [data.operationId] : [];
  });
}

let documents: readonly Document[] | null = null;

/** Reads Okta's documents, once for each process. */
function oktaDocuments(): readonly Document[] {
  documents ??= readdirSync(OKTA)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => document.parse(chosenByKind(parse(repaired(readFileSync(`${OKTA}/${name}`, 'utf8'))))));
  return documents;
}

/** Okta's answers have null where its documents have a member that may be missing (docs/okta.md §3 and §8). */
function withoutNulls(text: string): string {
  if (text === '') return text;
  return JSON.stringify(JSON.parse(text, (_, value: unknown) => value ?? undefined));
}

const discriminated = z.looseObject({
  oneOf: z.unknown(),
  discriminator: z.object({ propertyName: z.string(), mapping: z.record(z.string(), z.string()) }),
});

/** Says of every `oneOf` with a discriminator what the discriminator says: which kind it is decides which schema holds. */
function chosenByKind(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(chosenByKind);
  if (typeof node !== 'object' || node === null) return node;
  const { success, data } = discriminated.safeParse(node);
  if (!success)
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, chosenByKind(value)]));
  const { propertyName, mapping } = data.discriminator;
  return {
    properties: { [propertyName]: { enum: Object.keys(mapping) } },
    required: [propertyName],
    allOf: Object.entries(mapping).map(([kind, $ref]) => ({
      anyOf: [{ not: { properties: { [propertyName]: { const: kind } } } }, { $ref }],
    })),
  };
}

/** Okta's pattern of durations says that nothing follows the P, which its own example contradicts. */
function repaired(text: string): string {
  return text.replaceAll('^P(?:$)(\\d+Y)', '^P(?!$)(\\d+Y)').replaceAll('(T(?:\\d)(', '(T(?=\\d)(');
}

interface Known {
  readonly pattern: RegExp;
  readonly method: string;
  readonly operationId: string;
  /** By status; null for answers without a body. */
  readonly validators: ReadonlyMap<number, Compiled | null>;
  readonly error: Compiled;
}

/** Compiles a schema when it is first asked for: most tests get a few of hundreds of answers. */
type Compiled = () => ValidateFunction;

function held(
  documents: readonly Document[],
  ajv: Ajv | Ajv2020,
  unsaid: (status: number) => boolean,
): Conformance {
  formats.default(ajv);
  // Okta's formats of numbers, which JSON does not have.
  for (const name of ['int32', 'int64', 'float', 'double']) ajv.addFormat(name, true);
  const known = documents.flatMap((each, index) => operationsOf(each, `doc${index}`, ajv));
  return ({ method, path, status, text }) => {
    const found = mostSpecific(known.filter((each) => each.method === method && each.pattern.test(path)));
    if (found === undefined) return [];
    const validator = found.validators.get(status);
    if (validator === undefined && !(status >= 400 && unsaid(status))) {
      return [`${found.operationId} is not described to answer ${status}`];
    }
    if (validator === null)
      return text === '' || text === '{}' ? [] : [`${found.operationId} answers a body`];
    const check = (validator ?? found.error)();
    if (check(JSON.parse(text))) return [];
    return (check.errors ?? []).map(
      ({ instancePath, message }) =>
        `${found.operationId} ${status}: ${instancePath || '/'} ${message ?? ''}`,
    );
  };
}

/** `/api-tokens/current` before `/api-tokens/{apiTokenId}`. */
function mostSpecific(known: readonly Known[]): Known | undefined {
  return known.toSorted(
    (a, b) => a.pattern.source.split('[^').length - b.pattern.source.split('[^').length,
  )[0];
}

function operationsOf(each: Document, name: string, ajv: Ajv | Ajv2020): readonly Known[] {
  ajv.addSchema({ ...each, $id: name });
  const compiled = (pointer: string): Compiled => {
    let validate: ValidateFunction | undefined;
    return () => {
      validate ??= ajv.compile({ $ref: `${name}#${pointer}` });
      return validate;
    };
  };
  const error = compiled('/components/schemas/Error');
  return Object.entries(each.paths).flatMap(([path, methods]) =>
    ['get', 'post', 'put', 'delete'].flatMap((method): Known[] => {
      if (methods[method] === undefined) return [];
      const { operationId, responses } = described.parse(methods[method]);
      const at = `/paths/${pointerPart(path)}/${method}/responses`;
      const validators = Object.entries(responses).map(([status, response]) => {
        if (response.$ref !== undefined) return [Number(status), error] as const;
        const schema = response.content?.['application/json']?.schema;
        const pointer = `${at}/${status}/content/application~1json/schema`;
        return [Number(status), schema === undefined ? null : compiled(pointer)] as const;
      });
      const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
      return [{ pattern, method: method.toUpperCase(), operationId, validators: new Map(validators), error }];
    }),
  );
}

function pointerPart(text: string): string {
  return encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));
}
