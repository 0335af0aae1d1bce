import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createSite, SECRET, upstream } from './serving.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

it('a process reloads on SIGHUP, refuses a bad file, and goes on either way', async () => {
  const site = createSite();
  site.write({ forward: upstream('builtin:echo'), log: { level: 'info' } });
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', site.file], {
    env: { ...process.env, TOLLGATE_BOOTSTRAP_TOKEN: SECRET },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const saying = (text: string) => expect.poll(() => said).toContain(text);
  try {
    await saying('metrics and health are on');
    site.write({ forward: { ...upstream('builtin:echo'), retries: 'many' }, log: { level: 'info' } });
    child.kill('SIGHUP');
    await saying('the changed configuration is refused');
    site.write({ forward: { ...upstream('builtin:echo'), retries: 2 }, log: { level: 'info' } });
    child.kill('SIGHUP');
    await saying('"generation":2');
  } finally {
    child.kill('SIGTERM');
  }
  expect(await gone).toEqual([0, null]);
  await site.close();
});
