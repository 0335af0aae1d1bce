import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { configCheck } from '../../src/cli/config-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'tollgate-check-'));
afterAll(() => rmSync(folder, { recursive: true }));

function check(text: string | null) {
  const file = join(folder, text === null ? 'missing.yaml' : 'tollgate.yaml');
  if (text !== null) writeFileSync(file, text);
  const lines: string[] = [];
  const code = configCheck(
    file,
    { PORT: '8080' },
    { write: (line) => lines.push(line.replaceAll(folder, '')) },
  );
  return { code, lines };
}

const FORWARD = "forward: { upstreams: [{ name: api, targets: ['http://127.0.0.1:9001'], paths: [/] }] }\n";

test('config check says ok of a good file, with the environment put in, and exits with 0', () => {
  expect(check(`${FORWARD}listen:\n  proxy: 127.0.0.1:\${PORT}\n`)).toEqual({ code: 0, lines: ['ok\n'] });
});

test('config check prints each problem of a bad file as file:line:column path: message and exits with 1', () => {
  expect(check(`${FORWARD}workers: 0\nlog:\n  acess: true\n`)).toEqual({
    code: 1,
    lines: [
      '/tollgate.yaml:2:1 workers: must be a whole number from 1 to 256, not 0\n',
      '/tollgate.yaml:4:3 log.acess: there is no such setting; did you mean access?\n',
    ],
  });
});

test('config check says so of a file that is not there and exits with 1', () => {
  expect(check(null)).toEqual({
    code: 1,
    lines: ["/missing.yaml:1:1 cannot be read: ENOENT: no such file or directory, open '/missing.yaml'\n"],
  });
});
