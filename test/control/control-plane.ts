/** A control plane over a real store, as `serve` puts it together, with a clock in the test's hand. */
import { assembleControl } from '../../src/cli/assemble-control.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Token } from '../../src/domain/token.ts';
import type { Role, User } from '../../src/domain/user.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { aToken, aUser } from '../support/records.ts';
import { type Conformance, oktaConformance, ownConformance } from './conformance.ts';

export interface ControlPlane {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly origin: string;
  /** The first super administrator and its token. */
  readonly admin: Person;
  /** Another user with these roles and a token. */
  person(roles: readonly Role[], facts?: Partial<User>): Promise<Person>;
  close(): Promise<void>;
}

/** A user with a token, and what requests with it are answered. */
export interface Person {
  readonly user: User;
  readonly token: Token;
  readonly secret: string;
  readonly ask: Ask;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** The body's text. */
  readonly text: string;
  /** The body read as JSON; undefined when there is none. */
  readonly body: unknown;
}

export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Reply>;

const ENDPOINTS = 'endpoints: [{ name: users, match: "* /api/v1/users/**", max: 600, window: 60s }]';
const FORWARD = 'forward: { upstreams: [{ name: api, targets: ["builtin:echo"], paths: [/] }] }';

/**
 * @param yaml further settings
 * @param open opens the store; an embedded one in memory unless given
 */
export async function startControlPlane(
  yaml = '',
  open: (clock: ManualClock) => Promise<Store> = (clock) => openEmbeddedStore({ path: ':memory:', clock }),
): Promise<ControlPlane> {
  const clock = manualClock();
  const store = await open(clock);
  const config = parseConfig(
    [
      'zone: { trustedProxies: [127.0.0.0/8] }',
      FORWARD,
      yaml.includes('endpoints:') ? '' : ENDPOINTS,
      yaml,
    ].join('\n'),
    {},
    'test.yaml',
  );
  const control = await assembleControl(config, store, clock, createLog('silent'));
  const { port } = await control.listen(0, '127.0.0.1');
  const origin = `http://127.0.0.1:${port}`;
  await describeItself(origin);
  const person = async (roles: readonly Role[], facts: Partial<User> = {}): Promise<Person> => {
    const stamps = { createdAt: clock.now(), lastUpdatedAt: clock.now() };
    const user = aUser({ roles, ...stamps, ...facts });
    const { token, secret } = aToken(user.id, stamps);
    await store.commit([
      { put: 'user', user },
      { put: 'token', token },
    ]);
    return { user, token, secret, ask: asker(origin, secret) };
  };
  return {
    store,
    clock,
    origin,
    admin: await person(['SUPER_ADMIN']),
    person,
    async close() {
      await control.stop(0);
      await store.close();
    },
  };
}

let conformances: readonly Conformance[] | null = null;

/** Reads the descriptions, once for each process, that every answer is held to from then on. */
async function describeItself(origin: string): Promise<void> {
  if (conformances !== null) return;
  const description = await fetch(`${origin}/openapi.json`);
  conformances = [ownConformance(await description.json()), oktaConformance()];
}

/**
 * Asks with that secret; with none when it is null. Every answer must be as the API's own description and Okta's
 * say, in whichever test it is given.
 */
export function asker(origin: string, secret: string | null): Ask {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(origin + path, {
      method,
      headers: {
        ...(secret === null ? {} : { authorization: `SSWS ${secret}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const { status } = response;
    const answered = {
      method,
      path: path.replace(/\?.*/s, '').replaceAll(/\/+/g, '/').replace(/\/$/, ''),
      status,
      text,
    };
    const faults = (conformances ?? []).flatMap((conformance) => conformance(answered));
    if (faults.length > 0)
      throw new Error(`${method} ${path} answers what it should not:\n${faults.join('\n')}\n${text}`);
    return { status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
  };
}
