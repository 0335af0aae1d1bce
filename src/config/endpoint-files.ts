import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { Environment } from './environment.ts';
import { findingsOf } from './findings.ts';
import type { Problem } from './problem.ts';
import { mustBe, section } from './setting.ts';
import type { ReadText } from './text-file.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

/** A file with endpoints. */
export interface EndpointFile {
  readonly source: YamlSource;
  /** As they are written; they are judged together with those of the configuration file. */
  readonly endpoints: readonly unknown[];
}

export interface EndpointFiles {
  readonly files: readonly EndpointFile[];
  /** What is wrong with the files themselves. */
  readonly problems: readonly Problem[];
}

const fileSchema = section({ endpoints: z.array(z.unknown(), { error: mustBe('a list of endpoints') }) });

/**
 * Reads the files that `endpointFiles` names.
 * @param names relative to the configuration file
 * @param main the configuration file
 */
export function readEndpointFiles(
  names: readonly string[],
  main: YamlSource,
  env: Environment,
  readText: ReadText,
): EndpointFiles {
  const files: EndpointFile[] = [];
  const problems: Problem[] = [];
  names.forEach((name, index) => {
    const file = isAbsolute(name) ? name : join(dirname(main.file), name);
    const text = readText(file);
    if (text instanceof Error) {
      problems.push(
        main.locate({ path: ['endpointFiles', index], message: `cannot be read: ${text.message}` }),
      );
      return;
    }
    const source = readYaml(text, file, env);
    const content = fileSchema.safeParse(source.value);
    files.push({ source, endpoints: content.success ? content.data.endpoints : [] });
    if (source.syntax.length > 0) problems.push(...source.syntax);
    else if (!content.success) problems.push(...findingsOf(content.error).map(source.locate));
  });
  return { files, problems };
}
