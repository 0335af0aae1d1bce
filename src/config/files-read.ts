import { hash } from 'node:crypto';
import { type ReadText, readText } from './text-file.ts';

/** The files that a configuration was read from, those that could not be read among them, with what was in them. */
export class FilesRead {
  /** Digests of the contents, by file. Contents are not kept: some are secret. */
  readonly #digests = new Map<string, string>();

  /** Reads a file and remembers it. */
  readonly read: ReadText = (file) => {
    const text = readText(file);
    this.#digests.set(file, digest(text));
    return text;
  };

  /** What the files hold now, as text to compare; null when it is what was read. */
  changed(): string | null {
    const now = [...this.#digests.keys()].map((file) => digest(readText(file)));
    const before = [...this.#digests.values()];
    return now.every((each, index) => each === before[index]) ? null : now.join();
  }
}

function digest(text: string | Error): string {
  return typeof text === 'string' ? hash('sha256', text, 'base64') : 'unreadable';
}
