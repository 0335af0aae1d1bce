import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const program = `
  const isQuick = () => %HasFastProperties(String.prototype);
  const seen = [isQuick()];
  await import('ioredis');
  seen.push(isQuick());
  const { quickenStringMethods } = await import('./src/kernel/string-methods.ts');
  quickenStringMethods();
  seen.push(isQuick());
  process.stdout.write(seen.join());
`;

it('quickens the methods of strings that a class on top of String has slowed', () => {
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', program];
  const cwd = new URL('../..', import.meta.url);
  expect(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })).toBe('true,false,true');
});
