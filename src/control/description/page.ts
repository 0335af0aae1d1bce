/** The description as a page to read, without a script: every operation, who may call it, and what it takes. */
import type { OpenApi, Parameter } from './openapi.ts';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}' +
  'h3{margin-top:2rem;font-size:1rem}code,pre{font-family:ui-monospace,monospace;font-size:.9em}' +
  'table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0}' +
  'pre{overflow:auto;background:#8881;padding:.5rem}.note{opacity:.7}:root{color-scheme:light dark}';

/** Lets the page be styled by its own sheet and do nothing else. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export function descriptionPage(api: OpenApi): string {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const sections = api.tags.map(({ name }) => {
    const parts = operations
      .filter(({ operation }) => operation.tags.includes(name))
      .map(({ path, method, operation }) => operationPart(path, method, operation));
    return `<h2>${escaped(name)}</h2>${parts.join('')}`;
  });
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tollgate management API</title><style>${STYLE}</style>` +
    '<h1>Tollgate management API</h1><p>Every request carries <code>Authorization: SSWS <i>token</i></code>. ' +
    'The same for machines, as OpenAPI 3.1: <a href="/openapi.json">/openapi.json</a>.</p>' +
    `${sections.join('')}</html>\n`
  );
}

type Described = OpenApi['paths'][string][string];

function operationPart(path: string, method: string, operation: Described): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const origin = operation['x-tollgate-extension']
    ? 'An extension: Okta has it in its console or not at all.'
    : '';
  const body =
    requestBody === undefined
      ? ''
      : `<details><summary>Body</summary><pre>${json(requestBody)}</pre></details>`;
  return (
    `<h3 id="${operationId}"><code>${method} ${escaped(path)}</code>: ${escaped(summary)}</h3>` +
    `<p>${prose(description ?? '')} <span class="note">${origin}</span></p>` +
    `<p class="note">Who may: ${permitted(operation)}.</p>${parameterTable(parameters)}${body}` +
    `<details><summary>Answers</summary><pre>${json(responses)}</pre></details>`
  );
}

function permitted(operation: Described): string {
  const cells = Object.entries(operation['x-tollgate-permission']);
  return cells.map(([role, reach]) => `${escaped(role)} (${escaped(reach)})`).join(', ');
}

function parameterTable(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return '';
  const rows = parameters.map(
    ({ name, in: place, description }) =>
      `<tr><td><code>${escaped(name)}</code><td>${place}<td>${prose(description ?? '')}`,
  );
  return `<table><tr><th>parameter<th>in<th>${rows.join('')}</table>`;
}

/** Text whose words between backquotes are code. */
function prose(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

function json(value: unknown): string {
  return escaped(JSON.stringify(value, null, 2));
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
