import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { RejectionCode } from '../../../domain/rejection.ts';
import { certificateFault } from '../../forward/target-tls.ts';
import type { Choice, Ending } from '../../forward/upstreams.ts';
import { upstreamFailure } from './upstream-failure.ts';

/** A request as it goes to the upstream. */
export interface Outgoing {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values in turn, complete but for the framing of a chunked body. */
  readonly headers: string[];
  readonly body: Readable | null;
}

/** Hears what becomes of a call. After `end`, `failed` or `cut` it hears nothing more. */
export interface CallListener {
  /** An interim answer: 102 or 103. Names and values in turn. */
  information(status: number, headers: readonly string[]): void;
  /**
   * The head of the answer, of status 200 to 599. Names and values in turn.
   * @returns false when the answer cannot be passed on, which fails the call with `forward.bad-response`
   */
  head(status: number, headers: readonly string[]): boolean;
  /** @returns false to be given no more until `resume` is called; what undici has read already still comes */
  data(chunk: Buffer): boolean;
  /** The body is complete. */
  end(trailers: readonly string[]): void;
  /** There will be no answer. `sent`: the upstream may have seen the request. `reason`: what the code leaves open. */
  failed(code: RejectionCode, sent: boolean, reason: string | null): void;
  /** The answer broke off behind its head. */
  cut(): void;
  onBug(bug: unknown): void;
}

/** RFC 9110 §15.2 bounds nothing here; an upstream that sends more of them is not going to answer. */
const MOST_INTERIM_ANSWERS = 16;

class Cancelled extends Error {}

/** One request to one target, once. Tells the target's choice how it went, exactly once. */
export class UpstreamCall implements Dispatcher.DispatchHandler {
  readonly #choice: Choice;
  readonly #listener: CallListener;
  #controller: Dispatcher.DispatchController | null = null;
  #phase: 'waiting' | 'sent' | 'answering' | 'over' = 'waiting';
  #interimAnswers = 0;

  constructor(choice: Choice, listener: CallListener) {
    this.#choice = choice;
    this.#listener = listener;
  }

  start({ target, ...request }: Outgoing): void {
    this.#choice.dispatcher.dispatch({ ...request, path: target }, this);
  }

  /** Lets the body flow again after `data` returned false. */
  resume(): void {
    this.#controller?.resume();
  }

  /** Gives the call up, by no fault of the target's. The listener hears nothing more. */
  cancel(): void {
    this.#stop('abandoned');
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#phase === 'over') controller.abort(new Cancelled());
    else this.#phase = 'sent';
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#phase !== 'sent') return;
    const headers = latin1(controller.rawHeaders);
    if (status === 102 || status === 103) {
      this.#interimAnswers += 1;
      if (this.#interimAnswers > MOST_INTERIM_ANSWERS) this.#refuse();
      else this.#listener.information(status, headers);
      return;
    }
    // A 101 without an upgrade, or a number that is no status (RFC 9110 §15).
    if (status < 200 || status > 599 || !this.#listener.head(status, headers)) {
      this.#refuse();
      return;
    }
    this.#phase = 'answering';
    this.#choice.answered();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase === 'answering' && !this.#listener.data(chunk)) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#phase !== 'answering') return;
    this.#listener.end(latin1(controller.rawTrailers));
    this.#phase = 'over';
    this.#choice.done('answered');
  }

  /** undici hands over what its own code, and the methods above, throw as well; this one must not throw. */
  onResponseError(
    _controller: Dispatcher.DispatchController | null,
    error: Error & { readonly code?: unknown },
  ): void {
    const phase = this.#phase;
    if (phase === 'over') return;
    this.#phase = 'over';
    const code = upstreamFailure(error, phase !== 'waiting');
    this.#choice.done(code === 'gateway.bug' ? 'abandoned' : 'failed');
    try {
      if (code === 'gateway.bug') this.#listener.onBug(error);
      if (phase === 'answering') this.#listener.cut();
      else this.#listener.failed(code, phase === 'sent', certificateFault(error));
    } catch (bug) {
      this.#listener.onBug(bug);
    }
  }

  #refuse(): void {
    this.#stop('failed');
    this.#listener.failed('forward.bad-response', true, null);
  }

  #stop(ending: Ending): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#choice.done(ending);
    this.#controller?.abort(new Cancelled());
  }
}

/** Header bytes as characters, one for each, as node:http has them too. */
function latin1(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
