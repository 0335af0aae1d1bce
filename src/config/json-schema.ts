import { z } from 'zod';
import { configSchema } from './schema.ts';
import { NEEDS_RESTART } from './setting.ts';

type Node = Readonly<Record<string, unknown>>;

/** What an editor accepts in place of a value that is not any text: a reference to the environment. */
const FROM_ENVIRONMENT = {
  description: `A value from the environment: \${NAME}, or \${NAME:-default}.`,
  type: 'string',
  pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\\}',
};
const REFERENCE = { $ref: '#/$defs/fromEnvironment' };

/** The JSON Schema of a configuration file, for editors: what is in config/tollgate.schema.json. */
export function configJsonSchema(): Node {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' });
  return {
    $schema,
    title: 'Tollgate configuration',
    ...asWritten(schema),
    $defs: { fromEnvironment: FROM_ENVIRONMENT },
  };
}

/** The schema of the values as the schema of what may be written for them (see setting.ts). */
function asWritten(node: Node): Node {
  const { description, default: preset, [NEEDS_RESTART]: restart, ...form } = node;
  const about = {
    ...(description === undefined ? {} : { description }),
    ...(restart === undefined ? {} : { [NEEDS_RESTART]: restart }),
    ...(preset === undefined ? {} : { default: preset }),
  };
  if (form['properties'] !== undefined) {
    return { ...about, ...form, properties: mapValues(form['properties'], asWritten) };
  }
  if (Array.isArray(form['oneOf'])) return { ...about, ...form, oneOf: form['oneOf'].map(asWritten) };
  if (isNode(form['items'])) {
    const list = { ...form, items: asWritten(form['items']) };
    // A list of texts may be written as one text.
    return isText(form['items']) ? { ...about, anyOf: [list, { type: 'string' }] } : { ...about, ...list };
  }
  if (form['const'] !== undefined) return node;
  const forms = Array.isArray(form['anyOf']) ? form['anyOf'] : [form];
  return isFreeText(form) ? node : { ...about, anyOf: [...forms, REFERENCE] };
}

function isText(node: Node): boolean {
  return node['type'] === 'string';
}

function isFreeText(node: Node): boolean {
  return isText(node) && node['pattern'] === undefined && node['enum'] === undefined;
}

function mapValues(nodes: unknown, change: (node: Node) => Node): Node {
  const entries = isNode(nodes) ? Object.entries(nodes) : [];
  return Object.fromEntries(entries.map(([key, node]) => [key, isNode(node) ? change(node) : node]));
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
