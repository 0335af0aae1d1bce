import { isPassed } from '../../forward/response-headers.ts';
import { inOnePiece } from './one-piece.ts';

/** What the reader does with a header of a response, by its name. */
type Role =
  | 'pass'
  | 'drop'
  | 'bad'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'keep-alive'
  | 'content-type'
  | 'date'
  | 'trailer';

/** `head`: a whole head was understood. `more`: not all of it is there. `bad`: it is not one that may be passed on. */
export type ResponseReading = 'head' | 'more' | 'bad';

const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;
const ZERO = 0x30;

/** Bytes of a response head; node:http and undici hold to the same. */
const MOST_BYTES = 16 * 1024;
const LENGTH = /^[0-9]{1,15}$/;
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const TIMEOUT = /(?:^|[,;\s])timeout=([0-9]{1,6})(?:$|[,;\s])/i;

const READ: ReadonlyMap<string, Role> = new Map([
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['connection', 'connection'],
  ['keep-alive', 'keep-alive'],
  ['content-type', 'content-type'],
  ['date', 'date'],
  ['trailer', 'trailer'],
]);

/** Roles by the spelling that came. An upstream uses few names; what is beyond the bound is worked out each time. */
const roles = new Map<string, Role>();
const MOST_ROLES = 2_000;

function roleOf(name: string): Role {
  const known = roles.get(name);
  if (known !== undefined) return known;
  const lowered = name.toLowerCase();
  const role = READ.get(lowered) ?? (NAME.test(lowered) ? (isPassed(lowered) ? 'pass' : 'drop') : 'bad');
  // A copy: the name is a piece of a text that need not live as long.
  if (roles.size < MOST_ROLES) roles.set(inOnePiece(name), role);
  return role;
}

/**
 * Reads the heads of one upstream's responses, strictly (RFC 9112 §4 to §6): what could be read in two ways is `bad`.
 * Of the fields, all but `status` mean something only once `read` has found a head.
 */
export class ResponseReader {
  status = 0;
  /** Bytes of the body, where the head states them. */
  contentLength: number | null = null;
  chunked = false;
  /** The connection ends with this response. */
  closes = false;
  /** What `Keep-Alive` says of how long the upstream keeps an unused connection, in seconds. */
  keepAliveSeconds: number | null = null;
  hasDate = false;
  isEventStream = false;
  /** The head names headers of its own connection, or trailers; `pairs` has to be asked. */
  isUnusual = false;
  /** The lines that are passed on as they came, each with its CRLF, unless the head is unusual. */
  passed = '';
  /** The index behind the head. */
  end = 0;
  /** The last head that was found, of which all of the above holds; empty where there is none. */
  #known = '';
  #text = '';
  #start = 0;
  #codings = 0;
  #passedFrom = -1;
  #passedTo = -1;

  /** Reads the head that `text` begins with: one character for each byte. */
  read(text: string): ResponseReading {
    const known = this.#known;
    // Until the second of its date is over, an upstream mostly repeats itself.
    if (known !== '' && text.slice(0, known.length) === known) {
      this.#text = text;
      return 'head';
    }
    const reading = this.#readAnew(text);
    this.#known = reading === 'head' ? text.slice(0, this.end) : '';
    return reading;
  }

  #readAnew(text: string): ResponseReading {
    this.#reset(text);
    const lineEnd = this.#readLine(text);
    if (lineEnd <= 0) return lineEnd === 0 ? more(text) : 'bad';
    this.#start = lineEnd;
    let next = lineEnd;
    while (text.charCodeAt(next) !== CR) {
      const end = this.#readHeader(text, next);
      if (end <= 0) return end === 0 ? more(text) : 'bad';
      next = end;
    }
    if (text.length === next + 1) return more(text);
    if (text.charCodeAt(next + 1) !== LF || !this.#isFramedOnce()) return 'bad';
    this.#flush();
    this.end = next + 2;
    return this.end > MOST_BYTES ? 'bad' : 'head';
  }

  /** All headers of the head that was read, names and values in turn. */
  pairs(): string[] {
    const pairs: string[] = [];
    for (const line of this.#text.slice(this.#start, this.end - 4).split('\r\n')) {
      const colon = line.indexOf(':');
      pairs.push(line.slice(0, colon), valueIn(line, colon + 1, line.length));
    }
    return pairs;
  }

  #reset(text: string): void {
    this.#text = text;
    this.status = 0;
    this.contentLength = null;
    this.chunked = false;
    this.closes = false;
    this.keepAliveSeconds = null;
    this.hasDate = false;
    this.isEventStream = false;
    this.isUnusual = false;
    this.passed = '';
    this.#codings = 0;
    this.#passedFrom = -1;
    this.#passedTo = -1;
  }

  /** @returns the index behind the status line; 0 when it is not all there, -1 when it is none */
  #readLine(text: string): number {
    const minor = text.charCodeAt(7) - ZERO;
    if (!text.startsWith('HTTP/1.') || (minor !== 0 && minor !== 1) || text.charCodeAt(8) !== SPACE) {
      return text.length < 9 && 'HTTP/1.'.startsWith(text.slice(0, 7)) ? 0 : -1;
    }
    if (text.length < 13) return 0;
    const hundreds = text.charCodeAt(9) - ZERO;
    const tens = text.charCodeAt(10) - ZERO;
    const ones = text.charCodeAt(11) - ZERO;
    if (!isDigit(hundreds) || !isDigit(tens) || !isDigit(ones)) return -1;
    this.status = hundreds * 100 + tens * 10 + ones;
    // An HTTP/1.0 server that would keep the connection is not worth telling from one that would not.
    this.closes = minor === 0;
    const after = text.charCodeAt(12);
    if (after !== SPACE && after !== CR) return -1;
    return lineEnd(text, 12);
  }

  /** @returns the index behind the line; 0 when it is not all there, -1 when it is no header */
  #readHeader(text: string, at: number): number {
    const colon = text.indexOf(':', at);
    if (colon === -1) return text.indexOf('\r', at) === -1 ? 0 : -1;
    const end = lineEnd(text, colon + 1);
    if (end <= 0) return end;
    const role = roleOf(text.slice(at, colon));
    if (role === 'pass') this.#pass(text, at, colon, end);
    else if (role === 'bad' || !this.#take(role, text, at, colon, end)) return -1;
    return end;
  }

  /** @returns false when the header makes the response one that may not be passed on */
  #take(role: Role, text: string, at: number, colon: number, end: number): boolean {
    if (role === 'drop') return true;
    const value = valueIn(text, colon + 1, end - 2);
    switch (role) {
      case 'content-length':
        if (this.contentLength !== null || !LENGTH.test(value)) return false;
        this.contentLength = Number(value);
        break;
      case 'transfer-encoding':
        this.#codings += 1;
        this.chunked = true;
        return value.toLowerCase() === 'chunked';
      case 'connection':
        return this.#takeConnection(value.toLowerCase());
      case 'keep-alive':
        return this.#takeKeepAlive(TIMEOUT.exec(value)?.[1]);
      case 'content-type':
        this.isEventStream ||= value.toLowerCase().startsWith('text/event-stream');
        break;
      case 'date':
        this.hasDate = true;
        break;
      default:
        this.isUnusual = true;
        return true;
    }
    this.#pass(text, at, colon, end);
    return true;
  }

  #takeConnection(value: string): true {
    if (value === 'close') this.closes = true;
    else if (value !== 'keep-alive') {
      this.closes = true;
      this.isUnusual = true;
    }
    return true;
  }

  #takeKeepAlive(timeout: string | undefined): true {
    if (timeout !== undefined) this.keepAliveSeconds = Number(timeout);
    return true;
  }

  /** Lines in the form in which they would be written anew are copied, together with their neighbours. */
  #pass(text: string, at: number, colon: number, end: number): void {
    if (!isWrittenPlainly(text, colon, end)) {
      this.#flush();
      this.#passedFrom = -1;
      this.#passedTo = -1;
      this.passed += `${text.slice(at, colon)}: ${valueIn(text, colon + 1, end - 2)}\r\n`;
      return;
    }
    if (this.#passedTo !== at) {
      this.#flush();
      this.#passedFrom = at;
    }
    this.#passedTo = end;
  }

  #flush(): void {
    if (this.#passedFrom !== -1) this.passed += this.#text.slice(this.#passedFrom, this.#passedTo);
  }

  #isFramedOnce(): boolean {
    return this.#codings === 0 || (this.#codings === 1 && this.contentLength === null);
  }
}

function more(text: string): ResponseReading {
  return text.length < MOST_BYTES ? 'more' : 'bad';
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9;
}

/** What stands between the two indices but for what may stand around a value (RFC 9110 §5.6.3). */
function valueIn(text: string, start: number, end: number): string {
  let first = start;
  let last = end;
  // `trim` would take bytes above ASCII with it.
  while (first < last && isSpace(text.charCodeAt(first))) first += 1;
  while (first < last && isSpace(text.charCodeAt(last - 1))) last -= 1;
  return text.slice(first, last);
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Exactly one space behind the colon and none before the end. */
function isWrittenPlainly(text: string, colon: number, end: number): boolean {
  const first = text.charCodeAt(colon + 2);
  const last = text.charCodeAt(end - 3);
  return text.charCodeAt(colon + 1) === SPACE && first > SPACE && last > SPACE;
}

/**
 * Where a line ends (RFC 9110 §5.5: visible characters, space, tab, and bytes above ASCII may stand in it).
 * @returns the index behind its CRLF; 0 when it is not all there, -1 when something else stands in it
 */
function lineEnd(text: string, start: number): number {
  const { length } = text;
  for (let at = start; at < length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= SPACE ? code !== DELETE : code === TAB) continue;
    if (code !== CR) return -1;
    if (at + 1 === length) return 0;
    return text.charCodeAt(at + 1) === LF ? at + 2 : -1;
  }
  return 0;
}
