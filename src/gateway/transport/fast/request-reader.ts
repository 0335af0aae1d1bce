import type { Arrival } from '../../decision.ts';
import { Findings } from '../../findings.ts';
import { ALLOWED_METHODS, type HeadRules } from '../../listen/head.ts';
import { newRequestId } from '../../listen/request-id.ts';
import { normalTarget } from '../../listen/target.ts';
import { StageTimes } from '../../stage-times.ts';
import { ForwardedLines } from './forwarded-lines.ts';
import { type PlainHeaders, readHeaders } from './plain-headers.ts';

/** `head`: a whole head was understood. `more`: what is there is plain, but not all. `unclear`: for others to judge. */
export type Reading = 'head' | 'more' | 'unclear';

/** What is so small is read as a whole. */
const SMALL_BYTES = 1_024;

const METHODS: ReadonlyMap<string, string> = new Map(
  ALLOWED_METHODS.split(', ').map((method) => [method, method]),
);
const BEGUN_LINE =
  /^[A-Z]{1,7}(?: (?:\/[\x21-\x7e]*(?: (?:H(?:T(?:T(?:P(?:\/(?:1(?:\.(?:1\r?)?)?)?)?)?)?)?)?)?)?)?$/;

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

  /** What `read` has found, as the gate sees it. @param peer the address of the other end */
  arrival(peer: string): Arrival {
    const { method, path, query } = this;
    const { credential, forwardedFor, findings, traceParent, traceState } = this.#headers;
    const { startTrace } = this.#rules;
    const requestId = newRequestId();
    const times = new StageTimes();
    const trace = startTrace === null ? null : startTrace(requestId, traceParent, traceState);
    return { requestId, method, path, query, credential, peer, forwardedFor, findings, times, trace };
  }

  /** Reads the head that these bytes begin with. */
  readBytes(bytes: Buffer): Reading {
    return this.read(bytes.toString('latin1', 0, this.#endOfHead(bytes)));
  }

  /** How far to look for a head. A body behind it would be kept in memory for as long as a piece of the head is. */
  #endOfHead(bytes: Buffer): number {
    if (bytes.length <= SMALL_BYTES) return bytes.length;
    const end = bytes.indexOf('\r\n\r\n');
    return Math.min(end === -1 ? bytes.length : end + 4, this.#maxLength);
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
      const found = readHeaders(text, start, this.#rules);
      if (typeof found === 'string') return this.#begun(text, found === 'more');
      this.#headers = found.headers;
      this.end = found.end;
      this.#block = text.slice(start, found.end);
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
