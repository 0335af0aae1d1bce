/** Asks the management API, and turns its refusals into what to do next. */
import { z } from 'zod';
import { CommandError } from './command-error.ts';
import type { Connection } from './connection.ts';

const errorBody = z.object({
  errorCode: z.string(),
  errorSummary: z.string(),
  errorCauses: z.array(z.object({ errorSummary: z.string() })).default([]),
});

/** How long one request may take, in milliseconds. */
const TIMEOUT_MS = 30_000;

export interface Answered {
  /** Null for an answer without a body. */
  readonly body: unknown;
  /** Path and query of the next page; null on the last. */
  readonly next: string | null;
  /** Which version of the record it is, to change it on the condition that nobody else has; null where it says none. */
  readonly etag: string | null;
}

export class ManagementClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * @param path what follows the address of the API, from `/api/v1` on
   * @param ifMatch the version that the record must still have; null for any
   * @throws CommandError when the API refuses or cannot be reached
   */
  async ask(method: string, path: string, body?: unknown, ifMatch: string | null = null): Promise<Answered> {
    const response = await this.#fetch(method, path, body, ifMatch);
    const text = await response.text();
    const read = text === '' ? null : jsonOrNull(text);
    // Whatever else listens there may answer in JSON too.
    if (!response.headers.has('x-okta-request-id') || (text !== '' && read === null)) throw strange(response);
    if (!response.ok) throw refusal(response, read);
    return { body: read, next: this.#nextOf(response), etag: response.headers.get('etag') };
  }

  /** Every item of a list, page by page. */
  async all(path: string): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    for (let next: string | null = path; next !== null; ) {
      const page: Answered = await this.ask('GET', next);
      items.push(...z.array(z.unknown()).parse(page.body));
      next = page.next;
    }
    return items;
  }

  async #fetch(method: string, path: string, body: unknown, ifMatch: string | null): Promise<Response> {
    const { url, token } = this.#connection;
    try {
      return await fetch(url + path, {
        method,
        headers: {
          authorization: `SSWS ${token}`,
          accept: 'application/json',
          'user-agent': 'tollgate-cli',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(ifMatch === null ? {} : { 'if-match': ifMatch }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirect would take the token to where nobody said.
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new CommandError(
        `Nothing answers on ${url}: ${cause instanceof Error ? cause.message : String(cause)}.`,
        'Start `tollgate serve` with --role all or control, or set TOLLGATE_ADMIN_URL to where it listens.',
      );
    }
  }

  /** Only what follows the origin: the answer does not decide where the token goes. */
  #nextOf(response: Response): string | null {
    const href = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    const url = href === undefined ? null : URL.parse(href);
    return url === null ? null : url.pathname + url.search;
  }
}

/** What answers is something else, such as the proxy. */
function strange({ status }: Response): CommandError {
  return new CommandError(
    `What answers with ${status} there is not Tollgate's management API.`,
    'Set TOLLGATE_ADMIN_URL to the address of listen.admin; the proxy has another.',
  );
}

function refusal(response: Response, body: unknown): CommandError {
  const read = errorBody.safeParse(body);
  if (!read.success) return strange(response);
  const { errorCode, errorSummary, errorCauses } = read.data;
  const causes = errorCauses.map((cause) => `\n  ${cause.errorSummary}`).join('');
  const id = response.headers.get('x-okta-request-id');
  return new CommandError(
    `${errorSummary} (${response.status} ${errorCode}, request ${id ?? 'without an id'})${causes}`,
    nextStep(response),
  );
}

function nextStep({ status, headers }: Response): string {
  switch (status) {
    case 400:
      return 'Change what the message names, and try again.';
    case 401:
      return 'Set TOLLGATE_TOKEN to the secret of a token that is valid and whose owner is active.';
    case 403:
      return 'Use a token whose owner has a role for this, from where it may be used; `tollgate user show me` says whose it is.';
    case 404:
      return 'See what there is: `tollgate token list`, `zone list`, `user list` or `agent list`.';
    case 409:
      return 'It is so already, or somebody else changed it at the same time. Look at it, and try again.';
    case 412:
      return 'Somebody else changed it at the same time. Look at it, and try again.';
    case 429:
      return `Try again in ${headers.get('retry-after') ?? 'some'} seconds.`;
    case 503:
      return 'The store does not answer. Look at /readyz of the control plane, and try again.';
    default:
      return 'Look for the request id in the log of the control plane.';
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
