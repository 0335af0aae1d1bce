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

describe('holding answers to the descriptions', () => {
  it('names what is not as our own description says', () => {
    const faults = ownConformance(JSON.parse(JSON.stringify(openApi(resources(parts())))))(TOKEN);
    expect(faults).toContain('getApiToken 200: /name must be string');
    expect(faults).toContain("getApiToken 200: / must have required property 'userId'");
  });

  it('names an answer that our own description does not know', () => {
    const faults = ownConformance(JSON.parse(JSON.stringify(openApi(resources(parts())))))({
      ...TOKEN,
      status: 418,
    });
    expect(faults).toEqual(['getApiToken is not described to answer 418']);
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
