/** Judges resources by the published schemas, as strictly as an API server that refuses unknown fields. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import type { Resource, schemaFolders } from './tools.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Json };
    }[];
  };
}

/** What is wrong with a resource, one line each. */
export type Judge = (resource: Resource) => readonly string[];

/** Reads the schemas of all kinds that are asked for. */
export function judge({ openApi, definitions }: NonNullable<typeof schemaFolders>): Judge {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const compiled = new Map<string, ValidateFunction>();

  function compile(resource: Resource): ValidateFunction {
    const { apiVersion, kind } = resource;
    const custom = definitionOf(resource, definitions);
    if (custom !== null) return ajv.compile(strict(custom) as object);
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    const file = join(openApi, group === '' ? `api/${version}.json` : `apis/${group}/${version}.json`);
    if (ajv.getSchema(file) === undefined) {
      ajv.addSchema(strict(JSON.parse(readFileSync(file, 'utf8'))) as object, file);
    }
    const { components } = JSON.parse(readFileSync(file, 'utf8'));
    const name = Object.keys(components.schemas).find((each) =>
      components.schemas[each]['x-kubernetes-group-version-kind']?.some(
        (of: { group: string; version: string; kind: string }) =>
          of.group === group && of.version === version && of.kind === kind,
      ),
    );
    if (name === undefined) throw new Error(`${file} has no ${kind}`);
    return ajv.compile({ $ref: `${file}#/components/schemas/${name}` });
  }

  return (resource) => {
    const key = `${resource.apiVersion} ${resource.kind}`;
    const validate = compiled.get(key) ?? compile(resource);
    compiled.set(key, validate);
    validate(resource);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${resource.kind} ${resource.metadata.name} ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

/** The schema of a kind that is no part of Kubernetes itself: each is defined in a file that has its plural as name. */
function definitionOf({ apiVersion, kind }: Resource, folders: readonly string[]): Json | null {
  const [group, version] = apiVersion.split('/');
  const name = `${group}_${kind.toLowerCase()}s.yaml`;
  const file = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (file === undefined) return null;
  const definition = parse(readFileSync(file, 'utf8')) as Definition;
  const found = definition.spec.versions.find((each) => each.name === version);
  return found?.schema.openAPIV3Schema ?? null;
}

/** An API server prunes or refuses what a schema does not name; a schema says so only where it allows it. */
function strict(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema)) copy[key] = strict(value);
  const record = schema as { readonly [key: string]: Json };
  const named = record['properties'];
  const open = 'additionalProperties' in record || record['x-kubernetes-preserve-unknown-fields'] === true;
  if (record['type'] === 'object' && typeof named === 'object' && named !== null && !open) {
    const { properties } = copy;
    // What every resource has, and a definition need not say.
    const common = 'spec' in named ? { apiVersion: {}, kind: {}, metadata: {} } : {};
    copy['properties'] = { ...common, ...(properties as object) };
    copy['additionalProperties'] = false;
  }
  // "5" and 5, as ports and budgets have it.
  if (record['format'] === 'int-or-string' || record['x-kubernetes-int-or-string'] === true) {
    return { anyOf: [{ type: 'integer' }, { type: 'string' }] };
  }
  if (typeof record['pattern'] === 'string') copy['pattern'] = inJavaScript(record['pattern']);
  return copy;
}

/** Go's `(?i)`, which JavaScript has for whole expressions only. */
function inJavaScript(pattern: string): string {
  if (!pattern.includes('(?i)')) return pattern;
  return pattern
    .replace('(?i)', '')
    .replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}
