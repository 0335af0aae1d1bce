import type { SeenRequest } from './strict-upstream.ts';

interface Listener {
  head(request: SeenRequest): void;
  complete(request: SeenRequest): void;
  malformed(why: string): void;
}

const REQUEST_LINE = /^([A-Z]+) (\/[\x21-\x22\x24-\x7e]*) HTTP\/1\.1$/;
const HEADER =
  /^([A-Za-z0-9!#$%&'*+.^`|~-]+): ?((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)$/;
const CHUNK_SIZE = /^[0-9a-fA-F]{1,8}$/;
const LENGTH = /^(?:0|[1-9][0-9]{0,14})$/;

/** Headers that end at a connection and therefore mean that something was passed on that should not have been. */
const HOP_BY_HOP = ['te', 'trailer', 'proxy-connection', 'proxy-authorization', 'http2-settings', 'expect'];

/** Reads one connection's requests, byte for byte, in the one way that RFC 9112 wants them sent. */
export class StrictReader {
  readonly #connection: number;
  readonly #listener: Listener;
  #bytes = '';
  #request: SeenRequest | null = null;
  /** What comes next: a head, a line of the chunked framing, or so many bytes of a body. */
  #awaits: number | 'head' | 'chunk size' | 'end of chunk' | 'end of chunks' | 'nothing' = 'head';
  #chunked = false;

  constructor(connection: number, listener: Listener) {
    this.#connection = connection;
    this.#listener = listener;
  }

  read(bytes: string): void {
    this.#bytes += bytes;
    while (this.#step());
  }

  /** Takes one thing off the front of what has arrived; false when more has to arrive first. */
  #step(): boolean {
    if (this.#awaits === 'nothing' || this.#bytes === '') return false;
    if (this.#awaits === 'head') return this.#head();
    if (this.#awaits === 'chunk size') return this.#chunkSize();
    if (this.#awaits === 'end of chunk') return this.#lineEnd('chunk size');
    if (this.#awaits === 'end of chunks') return this.#lineEnd('head') && this.#complete();
    return this.#body(this.#awaits);
  }

  #head(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end === -1) {
      const bad = /^[^A-Z]|(?<!\r)\n|\r[^\n]|\0/.exec(this.#bytes);
      return bad === null ? false : this.#refuse('no head', this.#bytes);
    }
    const [requestLine = '', ...lines] = this.#bytes.slice(0, end).split('\r\n');
    const line = REQUEST_LINE.exec(requestLine);
    if (line === null) return this.#refuse('request line', requestLine);
    const headers: (readonly [string, string])[] = [];
    for (const text of lines) {
      const header = HEADER.exec(text);
      if (header === null) return this.#refuse('header', text);
      headers.push([header[1] ?? '', header[2] ?? '']);
    }
    this.#bytes = this.#bytes.slice(end + 4);
    const [, method = '', target = ''] = line;
    this.#request = { method, target, headers, body: '', complete: false, connection: this.#connection };
    return this.#frame(this.#request);
  }

  #frame(request: SeenRequest): boolean {
    const values = (name: string) =>
      request.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
    const lengths = values('content-length');
    const codings = values('transfer-encoding');
    const passedOn = HOP_BY_HOP.filter((name) => values(name).length > 0);
    if (values('host').length !== 1) return this.#refuse('Host', JSON.stringify(values('host')));
    if (passedOn.length > 0) return this.#refuse('headers of another connection', passedOn.join());
    if (lengths.length + codings.length > 1)
      return this.#refuse('framing', JSON.stringify([lengths, codings]));
    if (codings.some((coding) => coding !== 'chunked')) return this.#refuse('coding', codings.join());
    if (lengths.some((length) => !LENGTH.test(length))) return this.#refuse('length', lengths.join());
    this.#listener.head(request);
    this.#chunked = codings.length > 0;
    this.#awaits = this.#chunked ? 'chunk size' : Number(lengths[0] ?? 0);
    return this.#awaits === 0 ? this.#complete() : true;
  }

  #body(awaited: number): boolean {
    const taken = Math.min(awaited, this.#bytes.length);
    if (this.#request !== null) this.#request.body += this.#bytes.slice(0, taken);
    this.#bytes = this.#bytes.slice(taken);
    this.#awaits = awaited - taken;
    if (this.#awaits > 0) return false;
    if (!this.#chunked) return this.#complete();
    this.#awaits = 'end of chunk';
    return true;
  }

  /** Neither extensions nor trailers: the gateway passes none of them on. */
  #chunkSize(): boolean {
    const end = this.#bytes.indexOf('\r\n');
    if (end === -1) return this.#bytes.length > 10 ? this.#refuse('chunk size', this.#bytes) : false;
    const size = this.#bytes.slice(0, end);
    if (!CHUNK_SIZE.test(size)) return this.#refuse('chunk size', size);
    this.#bytes = this.#bytes.slice(end + 2);
    const length = Number.parseInt(size, 16);
    this.#awaits = length === 0 ? 'end of chunks' : length;
    return true;
  }

  #lineEnd(next: 'chunk size' | 'head'): boolean {
    if (this.#bytes.length < 2) return false;
    if (!this.#bytes.startsWith('\r\n')) return this.#refuse(String(this.#awaits), this.#bytes);
    this.#bytes = this.#bytes.slice(2);
    this.#awaits = next;
    return true;
  }

  #complete(): boolean {
    const request = this.#request;
    this.#request = null;
    this.#awaits = 'head';
    if (request !== null) {
      // What follows an upgrade is another protocol, which the answer deals with.
      if (request.headers.some(([name]) => name.toLowerCase() === 'upgrade')) this.#awaits = 'nothing';
      request.complete = true;
      this.#listener.complete(request);
    }
    return true;
  }

  #refuse(what: string, text: string): false {
    this.#awaits = 'nothing';
    this.#listener.malformed(`${what}: ${JSON.stringify(text.slice(0, 200))}`);
    return false;
  }
}
