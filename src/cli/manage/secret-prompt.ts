import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/**
 * Reads a secret: from the terminal without showing what is typed, else the first line of standard input. Never from
 * the command line, which other users of the machine can see and shells remember.
 * @param question what the person at the terminal is asked
 */
export async function readSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    const lines = createInterface({ input: stdin });
    for await (const line of lines) return line;
    return '';
  }
  stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    stderr.write('\n');
  }
}
