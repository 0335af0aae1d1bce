import { z } from 'zod';
import { findingsOf } from '../findings.ts';
import { ConfigError } from '../problem.ts';
import { mustBe, section } from '../setting.ts';
import { readYaml } from '../yaml-source.ts';
import { ENTRIES_AT_ONCE, type EntrySource, type RawEntry } from './raw-entry.ts';
import type { EntryKind } from './schema.ts';

const LISTS = { user: 'users', zone: 'zones', agent: 'agents', token: 'tokens' } as const satisfies Record<
  EntryKind,
  string
>;

const listOf = (what: string) => z.array(z.unknown(), { error: mustBe(`a list of ${what}`) }).optional();

const fileSchema = section({
  users: listOf('users'),
  zones: listOf('zones'),
  agents: listOf('agents'),
  tokens: listOf('tokens'),
});

/**
 * Reads a YAML file with the lists `users`, `zones`, `agents` and `tokens`, or some of them.
 * @param file its name, for problems
 * @throws ConfigError when it is no such file; what its records say is not judged here
 */
export function yamlEntries(text: string, file: string): EntrySource {
  const source = readYaml(text, file, null);
  if (source.syntax.length > 0) throw new ConfigError(source.syntax);
  const content = fileSchema.safeParse(source.value);
  if (!content.success) throw new ConfigError(findingsOf(content.error).map(source.locate));
  const lists = content.data;

  const rawEntry = (kind: EntryKind, value: unknown, index: number): RawEntry => {
    const base = [LISTS[kind], index];
    return {
      kind,
      value,
      line: source.locate({ path: base, message: '' }).line,
      locate: ({ path, message }) => source.locate({ path: [...base, ...path], message }),
    };
  };

  return {
    async *entries(kinds) {
      for (const kind of kinds) {
        const list = lists[LISTS[kind]] ?? [];
        for (let from = 0; from < list.length; from += ENTRIES_AT_ONCE) {
          yield list
            .slice(from, from + ENTRIES_AT_ONCE)
            .map((value, index) => rawEntry(kind, value, from + index));
        }
      }
    },
  };
}
