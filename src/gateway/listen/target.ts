import { isUtf8 } from 'node:buffer';

/** What the one normal form of a request target is made of. */
export interface NormalTarget {
  /** `/` and what follows, up to the query: what endpoints are matched with, and what the upstream sees. */
  readonly path: string;
  /** The query with its `?` as it came, or the empty string. No rule reads it. */
  readonly query: string;
}

/*
 * Classes of ASCII characters in a path. PLAIN stands for itself in every reading. REWRITE may stand there but has
 * another spelling (an escape, or a character that RFC 3986 §3.3 wants escaped). BAD is refused: controls and space,
 * `#`, `\` (which some read as `/`), and `;` (some cut a segment there, so that `/a;x` is their `/a`).
 */
const BAD = 0;
const PLAIN = 1;
const SLASH = 2;
const DOT = 3;
const REWRITE = 4;
const QUESTION = 5;

const CLASS = new Uint8Array(128);
for (let code = 0x21; code < 0x7f; code += 1) CLASS[code] = REWRITE;
const fill = (characters: string, kind: number): void => {
  for (const character of characters) CLASS[character.charCodeAt(0)] = kind;
};
fill('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~', PLAIN);
fill("!$&'()*+,=:@", PLAIN);
fill('#\\;', BAD);
fill('/', SLASH);
fill('.', DOT);
fill('?', QUESTION);

// Beside the unreserved characters (RFC 3986 §6.2.2.2), those that no server gives a meaning of their own in a path:
// `/things%3Abatch` is every server's `/things:batch`, so it has to be ours. Some cut lists at `,`, parameters at `;`
// and `=`, and read `+` as a space; those stay as they came.
const DECODED = /^[A-Za-z0-9_~:@!$&'()*-]$/;
const ESCAPE = /^%[0-9a-fA-F]{2}/;
// A server that decodes twice reads a character here, one that decodes once an escape.
const TWICE_ESCAPED = /%25[0-9A-Fa-f]{2}/;
const QUERY = /^\?[\x21\x22\x24-\x7e]*$/;

/**
 * The one normal form of a request target: what is matched is what is forwarded. It has one spelling for each path
 * that servers read alike; what servers read in different ways is refused.
 *
 * Escapes of unreserved characters are decoded and the others written in capitals (RFC 3986 §6.2.2); characters that
 * belong escaped are escaped; a leading `//`, which a base address with a trailing slash leads to, becomes `/`. Refused:
 * empty and dot segments, `\`, `;`, `#`, escapes of `/ \ .` and of control characters, escapes of escapes, bytes that
 * are not UTF-8, anything but visible ASCII.
 * @param url the target in origin form, as it stood in the request line
 * @returns null when the target is refused
 */
export function normalTarget(url: string): NormalTarget | null {
  const start = url.startsWith('//') ? 1 : 0;
  if (url.charCodeAt(start) !== 0x2f) return null;
  let afterSlash = true;
  let rewrite = false;
  let end = start + 1;
  for (; end < url.length; end += 1) {
    const kind = CLASS[url.charCodeAt(end)] ?? BAD;
    if (kind === QUESTION) break;
    if (kind === BAD || (afterSlash && (kind === SLASH || (kind === DOT && isDotSegment(url, end)))))
      return null;
    afterSlash = kind === SLASH;
    rewrite ||= kind === REWRITE;
  }
  const query = url.slice(end);
  if (query !== '' && !QUERY.test(query)) return null;
  const raw = url.slice(start, end);
  const path = rewrite ? rewritten(raw) : raw;
  return path === null ? null : { path, query };
}

/** Whether the segment that begins at `start` is `.` or `..`. */
function isDotSegment(url: string, start: number): boolean {
  let end = start + 1;
  if (url.charCodeAt(end) === 0x2e) end += 1;
  const after = url.charCodeAt(end);
  return end === url.length || after === 0x2f || after === 0x3f;
}

/** The path with its escapes in normal form, or null when one of them is refused. */
function rewritten(raw: string): string | null {
  let path = '';
  let bytes = '';
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw.charAt(at);
    if (CLASS[raw.charCodeAt(at)] !== REWRITE) {
      path += character;
      bytes += character;
    } else if (character !== '%') {
      path += escaped(raw.charCodeAt(at));
      bytes += character;
    } else {
      if (!ESCAPE.test(raw.slice(at, at + 3))) return null;
      const code = Number.parseInt(raw.slice(at + 1, at + 3), 16);
      at += 2;
      if (isRefusedEscape(code)) return null;
      const decoded = String.fromCharCode(code);
      path += DECODED.test(decoded) ? decoded : escaped(code);
      bytes += decoded;
    }
  }
  const readable = isUtf8(Buffer.from(bytes, 'latin1')) && !TWICE_ESCAPED.test(path);
  return readable ? path : null;
}

/** Controls, `.`, `/` and `\`: characters that change what a path means once somebody decodes them. */
function isRefusedEscape(code: number): boolean {
  return code < 0x20 || code === 0x7f || code === 0x2e || code === 0x2f || code === 0x5c;
}

function escaped(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}
