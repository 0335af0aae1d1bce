/** The management API in OpenAPI 3.1, made from the operations' own declarations, so that it cannot differ from them. */
import { z } from 'zod';
import type { Operation } from '../operation.ts';
import { PERMISSIONS, type Permission } from '../permissions.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

interface Described {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<Record<string, unknown>>;
  /** True for what Okta's public API does not have. */
  readonly 'x-tollgate-extension': boolean;
  /** The roles that may call it, and whose records each reaches. */
  readonly 'x-tollgate-permission': Permission;
}

export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: Readonly<Record<string, unknown>>;
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly unknown[];
  readonly tags: readonly { readonly name: string }[];
  /** By path, then by method in small letters. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: Readonly<Record<string, unknown>>;
}

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'What was sent breaks a rule; the causes say which.',
  401: 'The token is not valid.',
  403: 'There is no token, or it may not do this, or not from there.',
  404: 'There is no such record.',
  409: 'The record was changed by somebody else at the same time, or is so already.',
  412: 'The record is not as `If-Match` says.',
  429: 'The rate limit of the management API, or of the token, is spent.',
  500: 'A bug; the request id finds the log line.',
  503: 'The store does not answer just now.',
  504: 'The change was made, but a failure of the store could still undo it: look before you repeat it.',
};
const ALWAYS = [401, 403, 429, 500, 503];

const ERROR_SCHEMA = {
  type: 'object',
  properties: {
    errorCode: { type: 'string' },
    errorSummary: { type: 'string' },
    errorLink: { type: 'string' },
    errorId: { type: 'string' },
    errorCauses: {
      type: 'array',
      items: {
        type: 'object',
        properties: { errorSummary: { type: 'string' } },
        required: ['errorSummary'],
      },
    },
  },
  required: ['errorCode', 'errorSummary', 'errorLink', 'errorId', 'errorCauses'],
};

export function openApi(operations: readonly Operation[]): OpenApi {
  const paths: Record<string, Record<string, Described>> = {};
  for (const operation of operations) {
    const methods = paths[operation.path] ?? {};
    methods[operation.method.toLowerCase()] = described(operation);
    paths[operation.path] = methods;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tollgate management API',
      version: '1.0.0',
      description:
        "What Okta's API has for tokens, users, zones, rate limits and the System Log, in Okta's form, and what Okta " +
        'keeps to its console.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiToken: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        apiToken: {
          type: 'apiKey',
          name: 'Authorization',
          in: 'header',
          description: '`SSWS`, a space, and the secret of an API token.',
        },
      },
      schemas: { Error: ERROR_SCHEMA },
    },
  };
}

function described(operation: Operation): Described {
  const { id, tag, summary, description, path, query, body, extension } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: [...pathParameters(path), ...queryParameters(query), ...ifMatch(operation)],
    ...(body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(body, 'input') } },
          },
        }),
    responses: responses(operation),
    'x-tollgate-extension': extension === true,
    'x-tollgate-permission': PERMISSIONS[id],
  };
}

function pathParameters(path: string): readonly Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

const objectSchema = z.looseObject({
  properties: z.record(z.string(), z.looseObject({ description: z.string().optional() })).default({}),
  required: z.array(z.string()).default([]),
});

function queryParameters(query: z.ZodType | null): readonly Parameter[] {
  if (query === null) return [];
  const { properties, required } = objectSchema.parse(schemaOf(query, 'input'));
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

/** The header that makes a change conditional, where 412 is among the refusals. */
function ifMatch({ refusals }: Operation): readonly Parameter[] {
  if (!refusals.includes(412)) return [];
  return [
    {
      name: 'If-Match',
      in: 'header',
      required: false,
      description: 'The `ETag` of the record as it was read: if it has changed since, nothing is done.',
      schema: { type: 'string' },
    },
  ];
}

function responses({ method, answer, refusals }: Operation): Record<string, unknown> {
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  const refused = [...ALWAYS, ...(method === 'GET' ? [] : [504]), ...refusals]
    .sort()
    .map((status) => [String(status), { description: REFUSALS[status], content: error }]);
  const content =
    answer.schema === null
      ? {}
      : { content: { 'application/json': { schema: schemaOf(answer.schema, 'output') } } };
  return {
    [answer.status]: { description: answer.schema === null ? 'Done.' : 'The answer.', ...content },
    ...Object.fromEntries(refused),
  };
}

/** Formats say it all: the patterns behind them are for machines that do not know them. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output') {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    override({ jsonSchema }) {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  return rest;
}
