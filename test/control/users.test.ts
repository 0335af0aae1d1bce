import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { userSchema } from '../../src/control/users/wire.ts';
import { aUser } from '../support/records.ts';
import { asker, type ControlPlane, type Person, startControlPlane } from './control-plane.ts';
import { eventsAbout } from './events.ts';
import { validation } from './expected.ts';
import { STORES } from './stores.ts';

const USERS = '/api/v1/users';
const SETTINGS = 'control: { limit: { max: 1000000, window: 60s } }';
const list = z.array(userSchema);
const roles = z.array(z.object({ id: z.string(), type: z.string(), label: z.string() }));

const profile = (login: string, facts: object = {}) => ({
  profile: { firstName: 'Grace', lastName: 'Hopper', login, email: login, ...facts },
});

describe.each(STORES)('users over %s', (_, open) => {
  let plane: ControlPlane;
  let admin: Person;
  beforeAll(async () => {
    plane = await startControlPlane(SETTINGS, open);
    admin = plane.admin;
  });
  afterAll(() => plane.close());

  const made = async (login: string) =>
    userSchema.parse((await admin.ask('POST', USERS, profile(login))).body);
  const typesOf = async (id: string) => (await eventsAbout(id, admin.ask)).map(({ eventType }) => eventType);

  it("are made active, in Okta's form, and found by id and by login in any case", async () => {
    const reply = await admin.ask('POST', USERS, profile('grace@example.com'));
    expect(reply.status).toBe(200);
    const user = userSchema.parse(reply.body);
    expect(user).toMatchObject({
      status: 'ACTIVE',
      profile: { login: 'grace@example.com', lastName: 'Hopper' },
    });
    for (const name of [user.id, 'grace@example.com', 'GRACE%40example.com']) {
      expect((await admin.ask('GET', `${USERS}/${name}`)).body).toEqual(reply.body);
    }
    expect(await typesOf(user.id)).toEqual(['user.lifecycle.create', 'user.lifecycle.activate']);
  });

  it('keep what else a client says of them, and are found by it', async () => {
    const more = { email: 'ada@mail.example.com', displayName: 'Ada', department: 'R&D', mobilePhone: null };
    const reply = await admin.ask('POST', USERS, profile('ada@example.com', more));
    const { id } = userSchema.parse(reply.body);
    const kept = { login: 'ada@example.com', ...more, secondEmail: null };
    const shown = await admin.ask('GET', `${USERS}/${id}`);
    expect(shown.body).toMatchObject({ profile: kept });
    const filter = encodeURIComponent('profile.email eq "ada@mail.example.com"');
    expect((await admin.ask('GET', `${USERS}?filter=${filter}`)).body).toMatchObject([{ id }]);
    expect((await admin.ask('POST', `${USERS}/${id}/lifecycle/suspend`)).status).toBe(200);
    expect((await admin.ask('GET', `${USERS}/${id}`)).body).toMatchObject({ profile: kept });
  });

  it('are staged with activate=false', async () => {
    const reply = await admin.ask('POST', `${USERS}?activate=false`, profile('staged@example.com'));
    const user = userSchema.parse(reply.body);
    expect(user.status).toBe('STAGED');
    expect(await typesOf(user.id)).toEqual(['user.lifecycle.create']);
  });

  it('cannot share a login, whatever its case, also not when made at the same moment', async () => {
    await made('taken@example.com');
    const refused = validation(
      'login',
      'login: An object with this field already exists in the current organization',
    );
    expect(await admin.ask('POST', USERS, profile('Taken@Example.com'))).toMatchObject(refused);
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => admin.ask('POST', USERS, profile('race@example.com'))),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400]);
  });

  it.each([
    ['no profile', {}, 'profile', 'profile: Invalid input: expected object, received undefined'],
    [
      'a login that is no address',
      profile('grace', { email: undefined }),
      'profile',
      'profile.login: must be an e-mail address of 5 to 100 characters',
    ],
    [
      'an e-mail address that is none',
      profile('a@example.com', { email: 'b' }),
      'profile',
      'profile.email: must be an e-mail address of at most 100 characters',
    ],
    [
      'an attribute that is a list',
      profile('a@example.com', { department: ['x'] }),
      'profile',
      'profile.department: must be a text of at most 500 characters, a number, true, false or null',
    ],
    [
      'more attributes than are kept',
      profile('a@example.com', Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`a${n}`, n]))),
      'profile',
      'profile: must have at most 50 further attributes, of 8192 characters in all',
    ],
    [
      'an attribute with a name of a line of its own',
      profile('a@example.com', { 'a\nb': 'x' }),
      'profile',
      'profile: must have attributes whose names are letters, digits and _, at most 64',
    ],
    [
      'an empty first name',
      profile('a@example.com', { firstName: '' }),
      'profile',
      'profile.firstName: must be 1 to 50 characters, none of them a control character',
    ],
    [
      'a last name that is too long',
      profile('a@example.com', { lastName: 'x'.repeat(51) }),
      'profile',
      'profile.lastName: must be 1 to 50 characters, none of them a control character',
    ],
  ])('cannot be made with %s', async (_what, body, subject, cause) => {
    expect(await admin.ask('POST', USERS, body)).toMatchObject(validation(subject, cause));
  });

  it('change by what a POST gives of their profile, with an event that says what, and nothing else of them', async () => {
    const made = await admin.ask('POST', USERS, profile('change@example.com', { department: 'R&D' }));
    const { id, status } = userSchema.parse(made.body);
    const change = { profile: { lastName: 'Lovelace', department: null, title: 'Countess' } };
    const reply = await admin.ask('POST', `${USERS}/change@example.com`, change);
    const after = {
      login: 'change@example.com',
      firstName: 'Grace',
      lastName: 'Lovelace',
      title: 'Countess',
    };
    expect(reply).toMatchObject({ status: 200, body: { id, status, profile: after } });
    expect(reply.body).not.toHaveProperty('profile.department');
    expect((await admin.ask('GET', `${USERS}/${id}`)).body).toEqual(reply.body);
    const event = (await eventsAbout(id, admin.ask)).at(-1);
    expect(event?.eventType).toBe('user.account.update_profile');
    expect(event?.debugContext.debugData['changedAttributes']).toBe('department,lastName,title');
  });

  it('are replaced by a PUT: what it leaves out is gone', async () => {
    const made = await admin.ask('POST', USERS, profile('replace@example.com', { department: 'R&D' }));
    const { id } = userSchema.parse(made.body);
    const replaced = await admin.ask('PUT', `${USERS}/${id}`, profile('replaced@example.com'));
    expect(replaced.status).toBe(200);
    expect(userSchema.parse(replaced.body).profile).toEqual({
      ...profile('replaced@example.com').profile,
      mobilePhone: null,
      secondEmail: null,
    });
    expect((await admin.ask('GET', `${USERS}/replace@example.com`)).status).toBe(404);
    expect((await admin.ask('PUT', `${USERS}/${id}`, { profile: { login: 'x@example.com' } })).status).toBe(
      400,
    );
  });

  it('leave no event where nothing changes', async () => {
    const { id } = await made('same@example.com');
    const before = (await admin.ask('GET', `${USERS}/${id}`)).body;
    for (const [method, body] of [
      ['POST', {}],
      ['POST', profile('same@example.com')],
      ['PUT', profile('same@example.com')],
    ] as const) {
      expect((await admin.ask(method, `${USERS}/${id}`, body)).body).toEqual(before);
    }
    expect(await typesOf(id)).toEqual(['user.lifecycle.create', 'user.lifecycle.activate']);
  });

  it('take another login, which nobody else has in any case, and free the old one', async () => {
    const person = await plane.person([]);
    const { id, login } = person.user;
    await made('held@example.com');
    const held = await admin.ask('POST', `${USERS}/${id}`, { profile: { login: 'HELD@example.com' } });
    expect(held).toMatchObject(
      validation('login', 'login: An object with this field already exists in the current organization'),
    );
    const moved = await admin.ask('POST', `${USERS}/${id}`, { profile: { login: 'moved@example.com' } });
    // The address stays: it was the login, and is now one of its own.
    expect(moved).toMatchObject({
      status: 200,
      body: { profile: { login: 'moved@example.com', email: login } },
    });
    const event = (await eventsAbout(id, admin.ask)).at(-1);
    expect(event?.debugContext.debugData).toMatchObject({ oldLogin: login, newLogin: 'moved@example.com' });
    // The token is the user's, whatever the user is called.
    expect((await person.ask('GET', `${USERS}/me`)).body).toMatchObject({ id });
    expect((await made(login)).id).not.toBe(id);
  });

  it('cannot both take one login at the same moment', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, (_, n) => made(`one-of-${n}@example.com`)));
    const replies = await Promise.all(
      people.map(({ id }) =>
        admin.ask('POST', `${USERS}/${id}`, { profile: { login: 'wanted@example.com' } }),
      ),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
  });

  it('change only as If-Match says, and not while deactivated', async () => {
    const { id } = await made('match@example.com');
    const tag = (await admin.ask('GET', `${USERS}/${id}`)).headers.get('etag') ?? '';
    const change = (title: string, ifMatch: string) =>
      admin.ask('POST', `${USERS}/${id}`, { profile: { title } }, { 'if-match': ifMatch });
    expect((await change('Dr', tag)).status).toBe(200);
    expect((await change('Prof', tag)).status).toBe(412);
    await admin.ask('POST', `${USERS}/${id}/lifecycle/deactivate`);
    expect(await admin.ask('POST', `${USERS}/${id}`, { profile: { title: 'Sir' } })).toMatchObject({
      status: 403,
      body: { errorCode: 'E0000038' },
    });
  });

  it.each([
    [
      'an empty last name',
      { lastName: '' },
      'profile.lastName: must be 1 to 50 characters, none of them a control character',
    ],
    ['no login', { login: null }, 'profile.login: must be an e-mail address of 5 to 100 characters'],
    [
      'a list',
      { title: ['x'] },
      'profile.title: must be a text of at most 500 characters, a number, true, false or null',
    ],
  ])('cannot be changed to have %s', async (_what, changes, cause) => {
    expect(await admin.ask('POST', `${USERS}/me`, { profile: changes })).toMatchObject(
      validation('profile', cause),
    );
  });

  it('cannot be given more attributes than are kept, change by change', async () => {
    const { id } = await made('many@example.com');
    const some = (from: number) =>
      Object.fromEntries(Array.from({ length: 26 }, (_, n) => [`a${from + n}`, n]));
    expect((await admin.ask('POST', `${USERS}/${id}`, { profile: some(0) })).status).toBe(200);
    expect(await admin.ask('POST', `${USERS}/${id}`, { profile: some(26) })).toMatchObject(
      validation('profile', 'profile: must have at most 50 further attributes, of 8192 characters in all'),
    );
  });

  it('are changed by group administrators where they administer nothing, and by nobody below', async () => {
    const [group, plain] = [await plane.person(['GROUP_ADMIN']), await plane.person([])];
    const change = { profile: { title: 'Dr' } };
    expect((await group.ask('POST', `${USERS}/${plain.user.id}`, change)).status).toBe(200);
    expect((await group.ask('POST', `${USERS}/${admin.user.id}`, change)).status).toBe(403);
    expect((await plain.ask('POST', `${USERS}/me`, change)).status).toBe(403);
  });

  it('are "me" for whoever asks, and closed to others without a role', async () => {
    const person = await plane.person([]);
    expect((await person.ask('GET', `${USERS}/me`)).body).toMatchObject({ id: person.user.id });
    expect((await person.ask('GET', `${USERS}/${person.user.login}`)).status).toBe(200);
    for (const name of [admin.user.id, 'nobody@example.com']) {
      expect((await person.ask('GET', `${USERS}/${name}`)).status).toBe(403);
    }
    expect((await person.ask('GET', USERS)).status).toBe(403);
  });

  it('that there are not are said to be missing', async () => {
    expect(await admin.ask('GET', `${USERS}/nobody@example.com`)).toMatchObject({
      status: 404,
      body: {
        errorCode: 'E0000007',
        errorSummary: 'Not found: Resource not found: nobody@example.com (User)',
      },
    });
  });

  it('go through their life in the steps that their status allows, each with its event', async () => {
    const { id } = await made('life@example.com');
    const step = async (action: string) => {
      const { status, body } = await admin.ask('POST', `${USERS}/${id}/lifecycle/${action}`);
      return status === 200 ? 200 : [status, z.object({ errorCode: z.string() }).parse(body).errorCode];
    };
    expect(await step('activate')).toEqual([403, 'E0000038']);
    expect(await step('unsuspend')).toEqual([400, 'E0000001']);
    expect(await step('suspend')).toBe(200);
    expect(await step('suspend')).toEqual([400, 'E0000001']);
    expect(await step('unsuspend')).toBe(200);
    expect(await step('deactivate')).toBe(200);
    expect(await step('deactivate')).toEqual([403, 'E0000038']);
    expect(await step('suspend')).toEqual([400, 'E0000001']);
    expect(await step('activate')).toBe(200);
    expect(await typesOf(id)).toEqual([
      'user.lifecycle.create',
      'user.lifecycle.activate',
      'user.lifecycle.suspend',
      'user.lifecycle.unsuspend',
      'user.lifecycle.deactivate',
      'user.lifecycle.activate',
    ]);
  });

  describe('and their roles', () => {
    it('are given, read, listed and taken, each with its event', async () => {
      const { id } = await made('roles@example.com');
      const path = `${USERS}/${id}/roles`;
      expect((await admin.ask('GET', path)).body).toEqual([]);
      const given = await admin.ask('POST', path, { type: 'ORG_ADMIN' });
      expect(given).toMatchObject({
        status: 201,
        body: { type: 'ORG_ADMIN', label: 'Organization Administrator' },
      });
      expect((await admin.ask('GET', path)).body).toEqual([given.body]);
      const [role] = roles.parse([given.body]);
      expect((await admin.ask('GET', `${path}/${role?.id}`)).body).toEqual(given.body);
      expect(await admin.ask('POST', path, { type: 'ORG_ADMIN' })).toMatchObject({
        status: 409,
        body: { errorCode: 'E0000090' },
      });
      expect((await admin.ask('DELETE', `${path}/${role?.id}`)).status).toBe(204);
      expect((await admin.ask('DELETE', `${path}/${role?.id}`)).status).toBe(404);
      expect((await typesOf(id)).slice(2)).toEqual([
        'user.account.privilege.grant',
        'user.account.privilege.revoke',
      ]);
    });

    it.each(['KING', '', null, 7])('cannot be %j', async (type) => {
      const reply = await admin.ask('POST', `${USERS}/me/roles`, { type });
      expect(reply).toMatchObject({ status: 400, body: { errorSummary: 'Api validation failed: type' } });
    });
  });

  it('below a super administrator cannot be raised above by anybody but one', async () => {
    const organiser = await plane.person(['ORG_ADMIN']);
    expect((await organiser.ask('POST', `${USERS}/me/roles`, { type: 'SUPER_ADMIN' })).status).toBe(403);
    expect((await organiser.ask('POST', `${USERS}/${admin.user.id}/lifecycle/suspend`)).status).toBe(403);
    const grouper = await plane.person(['GROUP_ADMIN']);
    expect((await grouper.ask('POST', `${USERS}/${organiser.user.id}/lifecycle/suspend`)).status).toBe(403);
    const { id } = await made('plain@example.com');
    expect((await grouper.ask('POST', `${USERS}/${id}/lifecycle/suspend`)).status).toBe(200);
  });
});

describe.each(STORES)('super administrators over %s', (_, open) => {
  it('are never all taken away, also not when two take each other at the same moment', async () => {
    const plane = await startControlPlane(SETTINGS, open);
    const { admin } = plane;
    const alone = validation(
      'user',
      `user: ${admin.user.login} is the last active super administrator. Make another one first.`,
    );
    const [role] = roles.parse((await admin.ask('GET', `${USERS}/me/roles`)).body);
    expect(await admin.ask('DELETE', `${USERS}/me/roles/${role?.id}`)).toMatchObject(alone);
    for (const action of ['deactivate', 'suspend']) {
      expect(await admin.ask('POST', `${USERS}/me/lifecycle/${action}`)).toMatchObject(alone);
    }
    for (let round = 0; round < 5; round++) {
      const other = await plane.person(['SUPER_ADMIN']);
      await Promise.all([
        admin.ask('POST', `${USERS}/${other.user.id}/lifecycle/suspend`),
        other.ask('POST', `${USERS}/${admin.user.id}/lifecycle/suspend`),
      ]);
      const standing = [await plane.store.user(admin.user.id), await plane.store.user(other.user.id)];
      expect(standing.map((user) => user?.status).sort()).toEqual(['ACTIVE', 'SUSPENDED']);
      await plane.store.commit([
        { put: 'user', user: admin.user },
        { put: 'user', user: { ...other.user, status: 'SUSPENDED' } },
      ]);
      await expect.poll(async () => (await admin.ask('GET', `${USERS}/me`)).status).toBe(200);
    }
    await plane.close();
  });
});

describe('the list of users', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane(SETTINGS);
    const now = plane.clock.now();
    const user = (login: string, facts: object = {}) =>
      ({ put: 'user', user: aUser({ login, roles: [], ...facts }) }) as const;
    await plane.store.commit([
      user('ada@example.com', { firstName: 'Ada', lastName: 'Byron', lastUpdatedAt: now + 5000 }),
      user('grace@example.com', { firstName: 'Grace', lastName: 'Hopper' }),
      user('jean@example.com', { firstName: 'Jean', lastName: 'Bartik', status: 'SUSPENDED' }),
      user('gone@example.com', { firstName: 'Gone', lastName: 'Away', status: 'DEPROVISIONED' }),
    ]);
  });
  afterAll(() => plane.close());

  const logins = async (query: string) => {
    const { body } = await plane.admin.ask('GET', `${USERS}${query}`);
    const found = list.parse(body).map(({ profile: { login } }) => login);
    return found.filter((login) => login !== plane.admin.user.login).sort();
  };

  it.each([
    ['', ['ada@example.com', 'grace@example.com', 'jean@example.com']],
    ['?q=b', ['ada@example.com', 'jean@example.com']],
    ['?q=GRA', ['grace@example.com']],
    ['?q=gone', []],
    ['?filter=status eq "SUSPENDED"', ['jean@example.com']],
    [
      '?filter=status eq "DEPROVISIONED" or profile.login eq "ada@example.com"',
      ['ada@example.com', 'gone@example.com'],
    ],
    ['?filter=lastUpdated gt "2026-01-01T00:00:04.000Z"', ['ada@example.com']],
    ['?search=profile.lastName sw "B"', ['ada@example.com', 'jean@example.com']],
    ['?search=profile.login co "example" and status eq "DEPROVISIONED"', ['gone@example.com']],
  ])('%s gives %j', async (query, expected) => {
    expect(await logins(encodeURI(query))).toEqual(expected);
  });

  it('is walked page by page along its links, each user once', async () => {
    const walked: string[] = [];
    for (let path: string | null = `${USERS}?limit=2`; path !== null; ) {
      const reply = await plane.admin.ask('GET', path);
      walked.push(...list.parse(reply.body).map(({ id }) => id));
      const next = /<([^>]+)>; rel="next"/.exec(reply.headers.get('link') ?? '')?.[1];
      path = next?.slice(plane.origin.length) ?? null;
    }
    expect(walked).toHaveLength(4);
    expect(new Set(walked).size).toBe(4);
  });

  it.each([
    ['?filter=status ne "ACTIVE"', 'E0000053'],
    ['?filter=profile.city eq "Rome"', 'E0000053'],
    ['?filter=status eq', 'E0000053'],
    ['?search=status ne "ACTIVE"', 'E0000031'],
    ['?search=status co "A"', 'E0000031'],
    ['?after=nothing', 'E0000029'],
    ['?limit=none', 'E0000001'],
  ])('refuses %s with %s', async (query, errorCode) => {
    const reply = await plane.admin.ask('GET', `${USERS}${encodeURI(query)}`);
    expect(reply).toMatchObject({ status: 400, body: { errorCode } });
  });

  it('and everything else is closed to those without a token', async () => {
    expect((await asker(plane.origin, null)('GET', USERS)).status).toBe(403);
  });
});
