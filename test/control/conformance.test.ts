import { describe, expect, it } from 'vitest';
import { openApi } from '../../src/control/description/openapi.ts';
import { resources } from '../../src/control/resources.ts';
import { OKTA_AT_HAND, oktaConformance, ownConformance } from './conformance.ts';
import { parts } from './parts.ts';

const TOKEN = {
  method: 'GET',
  path: '/api/v1/api-tokens/00T1',
  status: 200,
  text: '{"id":"00T1","name":7,"tokenWindow":"thirty days"}',
};

const described = JSON.parse(JSON.stringify(openApi(resources(parts()))));

describe('holding answers to the descriptions', () => {
  it('names what is not as our own description says', () => {
    const faults = ownConformance(described)(TOKEN);
    expect(faults).toContain('getApiToken 200: /name must be string');
    expect(faults).toContain("getApiToken 200: / must have required property 'userId'");
  });

  it('names an answer that our own description does not know', () => {
    const faults = ownConformance(described)({ ...TOKEN, status: 418 });
    expect(faults).toEqual(['getApiToken is not described to answer 418']);
  });

  it('finds fault with a number in the place of any answer that our own description knows', () => {
    const conformance = ownConformance(described);
    const answers = Object.entries<object>(described.paths).flatMap(([path, methods]) =>
      Object.entries<{ responses: object }>({ ...methods }).flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => ({
          method: method.toUpperCase(),
          path,
          status: Number(status),
          text: '7',
        })),
      ),
    );
    expect(answers.length).toBeGreaterThan(Object.keys(described.paths).length);
    expect(answers.filter((answered) => conformance(answered).length === 0)).toEqual([]);
  });
});

describe.skipIf(!OKTA_AT_HAND)("holding answers to Okta's documents, where they are at hand", () => {
  it("names what is not as Okta's document says", () => {
    expect(oktaConformance()(TOKEN)).toEqual([
      'getApiToken 200: /name must be string',
      expect.stringMatching(/^getApiToken 200: \/tokenWindow must match pattern/),
    ]);
  });
});
