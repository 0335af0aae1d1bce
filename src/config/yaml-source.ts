import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { type Environment, substitute } from './environment.ts';
import { type Finding, type Problem, pathText } from './problem.ts';

/** A YAML file as values, and where in the text each value stands. */
export interface YamlSource {
  readonly file: string;
  /** Undefined where the text is not YAML. */
  readonly value: unknown;
  /** The text is not YAML. */
  readonly syntax: readonly Problem[];
  /** References to the environment that lead nowhere. */
  readonly findings: readonly Finding[];
  /** Says where in the file a finding is: at the key or list entry, or the nearest above it that the text holds. */
  locate(finding: Finding): Problem;
}

/**
 * Reads YAML 1.2, without aliases. The environment's values are put into the parsed tree and not into the text, so
 * that no value can add a setting.
 * @param file the name of the file, for problems
 * @param env null leaves references to the environment as they are written
 */
export function readYaml(text: string, file: string, env: Environment | null): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const problemAt = (offset: number, path: readonly PropertyKey[], message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, path: pathText(path), line: Math.max(1, line), column: Math.max(1, col), message };
  };
  const syntax = syntaxErrors(document, text)
    .map(({ offset, message }) => problemAt(offset, [], message))
    // What else is wrong on a line follows from the first.
    .filter((problem, index, all) => all.findIndex(({ line }) => line === problem.line) === index);
  const findings: Finding[] = [];
  if (syntax.length === 0 && env !== null) substituteIn(document.contents, [], env, findings);
  const value: unknown = syntax.length === 0 ? document.toJS() : undefined;
  const locate = ({ path, message }: Finding) =>
    problemAt(offsetOf(document, path), written(value, path), message);
  return { file, value, syntax, findings, locate };
}

interface Fault {
  readonly offset: number;
  readonly message: string;
}

function syntaxErrors(document: Document.Parsed, text: string): Fault[] {
  const errors = [...document.errors, ...document.warnings].map((error) => ({
    offset: error.pos[0],
    message: syntaxMessage(error, text),
  }));
  visit(document, {
    Alias: (_, alias) => {
      errors.push({ offset: startOf(alias) ?? 0, message: 'aliases are not read: write the value out' });
    },
  });
  return errors;
}

function syntaxMessage({ code, message }: YAMLError, text: string): string {
  if (code === 'MULTIPLE_DOCS') return 'must be one YAML document: take the line --- out';
  if (code === 'DUPLICATE_KEY') return 'the same key is given twice: leave one of the two out';
  // YAML reads the braces of an unquoted reference as its own, which its message cannot know.
  const hint = text.includes('${') ? ` (inside { } and [ ], write a reference in quotes: "\${NAME}")` : '';
  // What stands behind a colon is quoted from the file, and may be a secret.
  return `is not YAML: ${message.replace(/: .*$/s, '')}${hint}`;
}

/** The path as far as the file has it in parts: a list that was written as one text has no parts there. */
function written(value: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] {
  let part = value;
  for (const [index, step] of path.entries()) {
    if (typeof part === 'string') return path.slice(0, index);
    part = typeof part === 'object' && part !== null ? Reflect.get(part, step) : undefined;
  }
  return path;
}

function substituteIn(node: Node | null, path: PropertyKey[], env: Environment, findings: Finding[]): void {
  if (isMap<{ value: string }, Node | null>(node)) {
    for (const { key, value } of node.items) substituteIn(value, [...path, key.value], env, findings);
  } else if (isSeq<Node | null>(node)) {
    node.items.forEach((item, index) => {
      substituteIn(item, [...path, index], env, findings);
    });
  } else if (isScalar(node) && typeof node.value === 'string' && node.value.includes('${')) {
    const { text, messages } = substitute(node.value, env);
    node.value = text;
    for (const message of messages) findings.push({ path, message });
  }
}

/** The offset of the key or list entry at the end of `path`, or as far along it as the tree goes. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: Node | null = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    if (isMap<Node, Node | null>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq<Node>(node) && typeof step === 'number' && step < node.items.length) {
      node = node.items[step] ?? null;
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function startOf(node: Node | null): number | undefined {
  return node?.range?.[0];
}
