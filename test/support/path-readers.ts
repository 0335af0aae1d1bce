/**
 * How servers of different kinds read a path. Where two of them differ about a path that the gateway lets through,
 * somebody can reach a resource by a spelling that the gateway matched as another one.
 */
export const PATH_READERS: Readonly<Record<string, (path: string) => string>> = {
  'a server that decodes twice': (path) => decodedOf(plainReading(path)),
  'a server that resolves the path as the WHATWG URL standard does': (path) =>
    plainReading(new URL(`http://host${path}`).pathname),
  'a server that resolves dot segments after it has decoded them': (path) => resolved(plainReading(path)),
  'a server that takes a backslash for a slash': (path) => resolved(plainReading(path).replaceAll('\\', '/')),
  'a server that cuts path parameters off before it decodes': (path) =>
    plainReading(resolved(path.replaceAll(/;[^/]*/g, ''))),
  'a server that merges slashes': (path) => plainReading(path).replaceAll(/\/+/g, '/'),
  'a server that ends a string at NUL': (path) => plainReading(path).replace(/\0.*/s, ''),
  'a server that drops control characters': (path) => plainReading(path).replaceAll(/\p{Cc}/gu, ''),
};

/** The path with its escapes decoded once. */
export function plainReading(path: string): string {
  return decodeURIComponent(path);
}

/** Decodes what it can and leaves the rest, as a lenient server does. */
function decodedOf(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString(),
  );
}

function resolved(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  return kept.join('/');
}
