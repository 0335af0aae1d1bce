/**
 * One operation of the management API, declared once: the server routes it, the permission table names it, and the
 * OpenAPI document describes it, all from this declaration.
 */
import type { z } from 'zod';
import type { AddressChain } from '../domain/address-chain.ts';
import type { LogClient } from '../domain/log-event.ts';
import type { Share, Token } from '../domain/token.ts';
import type { User } from '../domain/user.ts';
import { type ApiError, BODY_NOT_WELL_FORMED } from './api-error.ts';
import type { Grant, OperationId } from './permissions.ts';
import { firstProblems } from './validation.ts';

/** Who makes a request: the token and the user it acts as. */
export interface Caller {
  readonly user: User;
  readonly token: Token;
  /** The token's own share; null when it has none. */
  readonly share: Share | null;
  /** From where the request came, to judge what a change would do to the caller itself. */
  readonly chain: AddressChain;
}

/** What an operation may know of the request that is not in its parameters. */
export interface RequestFacts {
  /** 32 lower-case hexadecimal characters. */
  readonly id: string;
  /** The origin that absolute links begin with, without a slash at the end. */
  readonly origin: string;
  /** Path and query, as they came. */
  readonly target: string;
  readonly client: LogClient;
  /** The value of `If-Match`, or null. */
  readonly ifMatch: string | null;
}

/** One request for an operation, judged as far as the operation's own declaration goes. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  /** How far the caller's roles reach in this operation. */
  readonly grant: Grant;
  readonly request: RequestFacts;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A call as the server hands it over, nothing parsed. */
export type RawCall = Call<Readonly<Record<string, string>>, unknown, unknown>;

/** A call with whatever parameters, for what all operations share. */
export type AnyCall = Call<unknown, unknown, unknown>;

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** Null for an answer without a body. */
  readonly body: unknown;
  /** Names and values; a list of values is as many headers. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

export type Reply = Answer | ApiError;

/** The names in braces of a path. */
type ParamName<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamName<Rest>
  : never;

type ParamsOf<Path extends string> = { readonly [Name in ParamName<Path>]: string };

interface Description {
  /** Okta's `operationId` where Okta has the operation. */
  readonly id: OperationId;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** What it is listed under in the description. */
  readonly tag: string;
  readonly summary: string;
  /** More for readers of the description, in Markdown; left out where the summary says it all. */
  readonly description?: string;
  /** Whether Okta has no such operation in its public API. */
  readonly extension?: true;
  /** The answer when all is well; `schema` is null where it has no body. */
  readonly answer: { readonly status: 200 | 201 | 204; readonly schema: z.ZodType | null };
  /** Statuses of refusals besides 401, 403, 429, 500 and 503, which every operation has. */
  readonly refusals: readonly (400 | 404 | 409 | 412)[];
}

interface Declaration<Path extends string, Query, Body> extends Description {
  readonly path: Path;
  /** Query parameters; others are passed over, as Okta does. */
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  handle(call: Call<ParamsOf<Path>, Query, Body>): Promise<Reply>;
}

export interface Operation extends Description {
  /** With parameters as `{name}`. */
  readonly path: string;
  readonly query: z.ZodType | null;
  readonly body: z.ZodType | null;
  /** Reads query and body as declared, and performs the operation. */
  perform(call: RawCall): Promise<Reply>;
}

/** Declares an operation. The parameters of `handle` have the types that path, query and body declare. */
export function operation<const Path extends string, Query = undefined, Body = undefined>(
  declaration: Declaration<Path, Query, Body>,
): Operation {
  const { query, body, handle, ...description } = declaration;
  return {
    ...description,
    query: query ?? null,
    body: body ?? null,
    async perform(call) {
      if (body !== undefined && call.body === undefined) return BODY_NOT_WELL_FORMED;
      const readQuery = query?.safeParse(call.query);
      if (readQuery?.success === false) return firstProblems(readQuery.error);
      const readBody = body?.safeParse(call.body);
      if (readBody?.success === false) return firstProblems(readBody.error);
      return handle({
        ...call,
        // The router fills exactly the names in the path.
        params: call.params as ParamsOf<Path>,
        query: readQuery?.data as Query,
        body: readBody?.data as Body,
      });
    },
  };
}

/** 200 with a body. */
export function ok(body: unknown, headers: Answer['headers'] = {}): Answer {
  return { kind: 'answer', status: 200, body, headers };
}

/** 201 with a body. */
export function created(body: unknown, headers: Answer['headers'] = {}): Answer {
  return { kind: 'answer', status: 201, body, headers };
}

export const NO_CONTENT: Answer = { kind: 'answer', status: 204, body: null, headers: {} };
