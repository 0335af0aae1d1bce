export { type MatchRule, parseMatch, sameClaim } from './endpoint-rule.ts';
