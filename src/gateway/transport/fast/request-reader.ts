import type { Trace } from '../../../domain/trace-context.ts';
import { Findings } from '../../findings.ts';
import { secretIn } from '../../listen/credential.ts';
import { ALLOWED_METHODS, type HeadRules } from '../../listen/head.ts';
import { isHost } from '../../listen/host.ts';
import { normalTarget } from '../../listen/target.ts';
import { ForwardedLines } from './forwarded-lines.ts';

/** What the header block of a plain request says. Null where the header is absent. */
export interface PlainHeaders {
  readonly host: string;
  /** Bytes of the body; null where the request states none. */
  readonly contentLength: number | null;
  /** The bare secret. */
  readonly credential: string | null;
  readonly forwardedFor: string | null;
  readonly forwardedProto: string | null;
  readonly forwardedHost: string | null;
  readonly traceParent: string | null;
  readonly traceState: string | null;
  /** The lines that are forwarded as they came, each with its CRLF. */
  readonly passed: string;
  /** Of these headers on this connection. */
  readonly findings: Findings;
  readonly forwarded: ForwardedLines;
}

/** `head`: a whole head was understood. `more`: what is there is plain, but not all. `unclear`: for others to judge. */
export type Reading = 'head' | 'more' | 'unclear';

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TILDE = 0x7e;

const METHODS: ReadonlyMap<string, string> = new Map(
  ALLOWED_METHODS.split(', ').map((method) => [method, method]),
);
const LENGTH = /^[0-9]{1,15}$/;
const BEGUN_LINE =
  /^[A-Z]{1,7}(?: (?:\/[\x21-\x7e]*(?: (?:H(?:T(?:T(?:P(?:\/(?:1(?:\.(?:1\r?)?)?)?)?)?)?)?)?)?)?)?$/;
const BEGUN_NAME = /^[A-Za-z0-9-]*$/;

/**
 * Reads request heads, and understands only plain ones: a method that listen allows, a target in normal form,
 * HTTP/1.1, lines of the form `Name: value` in visible ASCII, one `Host`, at most one `Content-Length`. Whatever
 * differs, however harmless, is `unclear` and somebody else's to judge: this reader refuses nothing and repairs
 * nothing. What the names mean is told by listen's own rules.
 */
export class RequestReader {
  readonly #rules: HeadRules;
  readonly #maxLength: number;
  /** The last header block, which most clients repeat to the letter on the same connection, and what it says. */
  #block = '';
  #headers: PlainHeaders = NOTHING;
  /** The request line, once `read` has found a head. */
  method = '';
  path = '';
  query = '';
  /** The index behind the head. */
  end = 0;

  /** @param maxLength heads of so many characters and more are unclear */
  constructor(rules: HeadRules, maxLength: number) {
    this.#rules = rules;
    this.#maxLength = maxLength;
  }

  /** What the header block says, once `read` has found a head. */
  get headers(): PlainHeaders {
    return this.#headers;
  }

  /** The place of what `read` has found in its trace; null where requests are not traced. */
  startTrace(requestId: string): Trace | null {
    const { startTrace } = this.#rules;
    return startTrace === null
      ? null
      : startTrace(requestId, this.#headers.traceParent, this.#headers.traceState);
  }

  /** Reads the head that `text` begins with: one character for each byte. */
  read(text: string): Reading {
    const lineEnd = text.indexOf('\r\n');
    if (lineEnd === -1) return this.#begun(text, BEGUN_LINE.test(text));
    if (!this.#readLine(text, lineEnd)) return 'unclear';
    const start = lineEnd + 2;
    const block = this.#block;
    if (block !== '' && text.slice(start, start + block.length) === block) {
      this.end = start + block.length;
    } else {
      const reading = this.#readBlock(text, start);
      if (reading !== 'head') return reading;
    }
    return this.end < this.#maxLength ? 'head' : 'unclear';
  }

  #begun(text: string, plain: boolean): Reading {
    return plain && text.length < this.#maxLength ? 'more' : 'unclear';
  }

  #readLine(text: string, lineEnd: number): boolean {
    const space = text.indexOf(' ');
    const urlEnd = lineEnd - ' HTTP/1.1'.length;
    if (space === -1 || space >= urlEnd || !text.startsWith(' HTTP/1.1', urlEnd)) return false;
    const method = METHODS.get(text.slice(0, space));
    const url = text.slice(space + 1, urlEnd);
    if (method === undefined || url.length > this.#rules.maxTargetLength) return false;
    const target = normalTarget(url);
    // One that has another normal form is unclear, too.
    if (target === null || target.path + target.query !== url) return false;
    this.method = method;
    this.path = target.path;
    this.query = target.query;
    return true;
  }

  #readBlock(text: string, start: number): Reading {
    const found = new BlockReading(this.#rules);
    let count = 0;
    let at = start;
    while (text.charCodeAt(at) !== CR) {
      const colon = text.indexOf(':', at);
      if (colon === -1) return this.#begun(text, BEGUN_NAME.test(text.slice(at)));
      const end = endOfValue(text, colon + 1);
      if (end === text.length) return this.#begun(text, true);
      count += 1;
      if (end === -1 || count > this.#rules.maxHeaders || !found.take(text, at, colon, end)) return 'unclear';
      if (text.length < end + 2) return this.#begun(text, true);
      at = end + 2;
    }
    if (text.length === at + 1) return this.#begun(text, true);
    if (text.charCodeAt(at + 1) !== LF) return 'unclear';
    const headers = found.headers(text);
    if (headers === null) return 'unclear';
    this.#headers = headers;
    this.end = at + 2;
    this.#block = text.slice(start, this.end);
    return 'head';
  }
}

const NOTHING: PlainHeaders = {
  host: '',
  contentLength: null,
  credential: null,
  forwardedFor: null,
  forwardedProto: null,
  forwardedHost: null,
  traceParent: null,
  traceState: null,
  passed: '',
  findings: new Findings(),
  forwarded: new ForwardedLines(),
};

/**
 * Where the value ends that begins, with one space, behind a colon.
 * @returns the index of its CR; the length of the text when that ends first; -1 when the value is not plain: empty,
 * with spaces around it, or with anything but visible ASCII and spaces in it
 */
function endOfValue(text: string, start: number): number {
  const { length } = text;
  if (start === length) return length;
  if (text.charCodeAt(start) !== SPACE || text.charCodeAt(start + 1) === SPACE) return -1;
  let end = start + 1;
  for (; end < length; end += 1) {
    const code = text.charCodeAt(end);
    if (code < SPACE || code > TILDE) break;
  }
  if (end === length) return length;
  const isEnd = text.charCodeAt(end) === CR && (end + 1 === length || text.charCodeAt(end + 1) === LF);
  return isEnd && end > start + 1 && text.charCodeAt(end - 1) !== SPACE ? end : -1;
}

/** One header block on its way to be understood. */
class BlockReading {
  readonly #rules: HeadRules;
  #host: string | null = null;
  #contentLength: number | null = null;
  #credential: string | null = null;
  #forwardedFor: string | null = null;
  #forwardedProto: string | null = null;
  #forwardedHost: string | null = null;
  #traceParent: string | null = null;
  #traceState: string | null = null;
  #authorizationSeen = false;
  #credentialHeaderSeen = false;
  #once: string[] | null = null;
  #passed = '';
  /** Lines from here up to the last that was taken are passed on together. */
  #passedFrom = -1;
  #passedTo = -1;

  constructor(rules: HeadRules) {
    this.#rules = rules;
  }

  /** Takes the line whose name begins at `at`. @returns false when its meaning is not plain */
  take(text: string, at: number, colon: number, end: number): boolean {
    const name = text.slice(at, colon);
    switch (this.#rules.roleOf(name)) {
      case 'pass':
        return this.#pass(text, at, end);
      case 'drop':
        return true;
      case 'once':
        return this.#takeOnce(name.toLowerCase()) && this.#pass(text, at, end);
      case 'host':
        if (this.#host !== null) return false;
        this.#host = text.slice(colon + 2, end);
        return isHost(this.#host);
      case 'content-length':
        return this.#takeLength(text.slice(colon + 2, end));
      case 'connection':
        return text.slice(colon + 2, end).toLowerCase() === 'keep-alive';
      case 'forwarded-for':
        if (this.#forwardedFor !== null) return false;
        this.#forwardedFor = text.slice(colon + 2, end);
        return true;
      case 'forwarded-proto':
        if (this.#forwardedProto !== null) return false;
        this.#forwardedProto = text.slice(colon + 2, end);
        return true;
      case 'forwarded-host':
        if (this.#forwardedHost !== null) return false;
        this.#forwardedHost = text.slice(colon + 2, end);
        return true;
      case 'traceparent':
        if (this.#traceParent !== null) return false;
        this.#traceParent = text.slice(colon + 2, end);
        return true;
      case 'tracestate':
        if (this.#traceState !== null) return false;
        this.#traceState = text.slice(colon + 2, end);
        return true;
      case 'authorization':
        return this.#takeAuthorization(text, at, colon, end);
      case 'credential':
        return this.#takeCredentialHeader(text, at, colon, end);
      default:
        return false;
    }
  }

  /** What was taken, or null when it does not make a plain request. */
  headers(text: string): PlainHeaders | null {
    if (this.#host === null) return null;
    this.#flush(text);
    return {
      host: this.#host,
      contentLength: this.#contentLength,
      credential: this.#credential,
      forwardedFor: this.#forwardedFor,
      forwardedProto: this.#forwardedProto,
      forwardedHost: this.#forwardedHost,
      traceParent: this.#traceParent,
      traceState: this.#traceState,
      passed: this.#passed,
      findings: new Findings(),
      forwarded: new ForwardedLines(),
    };
  }

  /** The line is in the one form in which it would be written anew, so it is copied, together with its neighbours. */
  #pass(text: string, at: number, end: number): true {
    if (this.#passedTo !== at) {
      this.#flush(text);
      this.#passedFrom = at;
    }
    this.#passedTo = end + 2;
    return true;
  }

  #flush(text: string): void {
    if (this.#passedFrom !== -1) this.#passed += text.slice(this.#passedFrom, this.#passedTo);
  }

  #takeOnce(name: string): boolean {
    if (this.#once?.includes(name)) return false;
    this.#once ??= [];
    this.#once.push(name);
    return true;
  }

  #takeLength(value: string): boolean {
    if (this.#contentLength !== null || !LENGTH.test(value)) return false;
    this.#contentLength = Number(value);
    return true;
  }

  #takeAuthorization(text: string, at: number, colon: number, end: number): boolean {
    if (this.#authorizationSeen) return false;
    this.#authorizationSeen = true;
    const secret = secretIn(text.slice(colon + 2, end), this.#rules.schemes);
    if (secret === null || this.#rules.passCredential) this.#pass(text, at, end);
    return secret === null || this.#takeCredential(secret);
  }

  #takeCredentialHeader(text: string, at: number, colon: number, end: number): boolean {
    if (this.#credentialHeaderSeen) return false;
    this.#credentialHeaderSeen = true;
    if (this.#rules.passCredential) this.#pass(text, at, end);
    return this.#takeCredential(text.slice(colon + 2, end));
  }

  #takeCredential(secret: string): boolean {
    if (this.#credential !== null && this.#credential !== secret) return false;
    this.#credential = secret;
    return true;
  }
}
