import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApi } from '../../src/control/description/openapi.ts';
import { PERMISSIONS } from '../../src/control/permissions.ts';
import { resources } from '../../src/control/resources.ts';
import { asker, type ControlPlane, startControlPlane } from './control-plane.ts';
import { parts } from './parts.ts';

const operations = resources(parts());
const api = openApi(operations);
const described = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
);

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.close());

describe('the description of the management API', () => {
  it('is served to everybody, as OpenAPI 3.1 and as a page that can do nothing but be read', async () => {
    const document = await asker(plane.origin, null)('GET', '/openapi.json');
    expect(document.body).toEqual(JSON.parse(JSON.stringify(api)));
    const page = await fetch(`${plane.origin}/`);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const text = await page.text();
    for (const { operationId, path } of described) {
      expect(text).toContain(`id="${operationId}"`);
      expect(text).toContain(path);
    }
    expect(text).not.toContain('<script');
  });

  it('describes each operation once, under a name of its own', () => {
    expect(described).toHaveLength(operations.length);
    expect(new Set(described.map(({ operationId }) => operationId)).size).toBe(operations.length);
  });

  it.each(described)('says who may call $operationId', ({ operationId, ...operation }) => {
    expect(operation['x-tollgate-permission']).toEqual(Reflect.get(PERMISSIONS, operationId));
  });

  it.each(described)('names the parameters in the path of $method $path', ({ path, parameters }) => {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(inPath);
  });

  it('refers to nothing outside itself', () => {
    const references = JSON.stringify(api).match(/"\$ref":"[^"]+"/g) ?? [];
    expect(new Set(references)).toEqual(new Set(['"$ref":"#/components/schemas/Error"']));
  });
});
