import { Findings } from '../../findings.ts';
import { secretIn } from '../../listen/credential.ts';
import type { HeadRules } from '../../listen/head.ts';
import { isHost } from '../../listen/host.ts';
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

/** A header block that was understood. */
export interface PlainBlock {
  readonly headers: PlainHeaders;
  /** The index behind the empty line that ends it. */
  readonly end: number;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TILDE = 0x7e;

const LENGTH = /^[0-9]{1,15}$/;
const BEGUN_NAME = /^[A-Za-z0-9-]*$/;

/**
 * Reads a header block of lines of the form `Name: value` in visible ASCII, with the empty line behind it.
 * @param start where it begins in the text, which has one character for each byte
 * @returns `more` when what is there is plain, but not all; `unclear` when it is for others to judge
 */
export function readHeaders(text: string, start: number, rules: HeadRules): PlainBlock | 'more' | 'unclear' {
  const found = new BlockReading(rules);
  let count = 0;
  let at = start;
  while (text.charCodeAt(at) !== CR) {
    const colon = text.indexOf(':', at);
    if (colon === -1) return BEGUN_NAME.test(text.slice(at)) ? 'more' : 'unclear';
    const end = endOfValue(text, colon + 1);
    if (end === text.length) return 'more';
    count += 1;
    if (end === -1 || count > rules.maxHeaders || !found.take(text, at, colon, end)) return 'unclear';
    if (text.length < end + 2) return 'more';
    at = end + 2;
  }
  if (text.length === at + 1) return 'more';
  const headers = text.charCodeAt(at + 1) === LF ? found.headers(text) : null;
  return headers === null ? 'unclear' : { headers, end: at + 2 };
}

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
