/** The commands that manage, against a real control plane. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addManagement } from '../../src/cli/manage/commands.ts';
import { printable } from '../../src/cli/manage/table.ts';
import type { Environment } from '../../src/config/environment.ts';
import { type ControlPlane, startControlPlane } from '../control/control-plane.ts';

let plane: ControlPlane;
let directory: string;
let env: Environment;
beforeAll(async () => {
  plane = await startControlPlane();
  directory = mkdtempSync(join(tmpdir(), 'manage-'));
  env = { TOLLGATE_ADMIN_URL: plane.origin, TOLLGATE_TOKEN: plane.admin.secret };
});
afterAll(async () => {
  await plane.close();
  rmSync(directory, { recursive: true });
});

/** What is typed where a secret is asked for. */
let typed = '';

/** Runs a command line and answers with what it printed. */
async function run(
  line: string,
  settings = env,
  onWrite = (_: string) => {},
  signal = new AbortController().signal,
) {
  const printed: string[] = [];
  const out = {
    write(text: string) {
      printed.push(text);
      onWrite(text);
    },
  };
  const program = new Command('tollgate').exitOverride().configureOutput({ writeErr: () => {} });
  addManagement(program, { env: settings, out, signal, pollMs: 1, readSecret: async () => typed });
  // Words are parted by spaces, and none of the tests has a space in a word.
  await program.parseAsync(line.split(' '), { from: 'user' });
  return printed.join('');
}
const json = async (line: string) => JSON.parse(await run(`${line} --json`));
const secretIn = (text: string) => / {2}(tg_\w+)/.exec(text)?.[1];

describe('a day with the command line', () => {
  it('makes an owner, a zone and a token bound to it, and the token works from there alone', async () => {
    expect(
      await run('user create grace@example.com --first-name Grace --last-name Hopper --role READ_ONLY_ADMIN'),
    ).toMatch(/roles +READ_ONLY_ADMIN/);
    expect(
      await run(
        'zone create plant --gateway 192.0.2.0/24 --gateway 198.51.100.1-198.51.100.9 --proxy 127.0.0.1',
      ),
    ).toMatch(/gateways +192\.0\.2\.0\/24,198\.51\.100\.1-198\.51\.100\.9/);
    const printed = await run('token create nightly --for grace@example.com --in-zone plant --share 20%');
    const secret = secretIn(printed);
    expect(printed).toMatch(/owner +grace@example.com/);
    expect(printed).toMatch(/share +20 %/);
    const settings = { ...env, TOLLGATE_TOKEN: secret };
    await expect(run('user show me', settings)).rejects.toThrow('403 E0000006');
    const { ask } = plane.admin;
    const there = { authorization: `SSWS ${secret}`, 'x-forwarded-for': '192.0.2.7' };
    expect((await ask('GET', '/api/v1/users/me', undefined, there)).status).toBe(200);
  });

  it('lists tokens as a table and as JSON', async () => {
    const table = await run('token list');
    expect(table).toMatch(/^ID +NAME +OWNER +ROLE +STATUS +TYPE +NETWORK +LAST USED +EXPIRES\n/);
    expect(table).toMatch(
      /00T\w{17} +nightly +grace@example\.com +READ_ONLY_ADMIN +GRAY +API +in plant +never/,
    );
    expect(await json('token list --q nightly')).toMatchObject([{ name: 'nightly' }]);
  });

  it('shows the ids of zones to those who may not see zones', async () => {
    const { token, secret } = await plane.person([]);
    const [plant] = await json('zone list').then((zones) =>
      zones.filter(({ name }: { readonly name: string }) => name === 'plant'),
    );
    const network = { connection: 'ZONE', exclude: [plant.id] } as const;
    await plane.store.commit([{ put: 'token', token: { ...token, network } }]);
    const shown = await run(`token show ${token.id}`, { ...env, TOLLGATE_TOKEN: secret });
    expect(shown).toMatch(new RegExp(`network +not in ${plant.id}\\n`));
    await plane.store.commit([{ put: 'token', token: { ...token, revokedAt: plane.clock.now() } }]);
  });

  it('restricts, shares, rotates and revokes a token by its name', async () => {
    expect(await run('token restrict nightly --not-in-zone plant')).toMatch(/network +not in plant/);
    expect(await run('token share nightly 35')).toMatch(/share +35 %/);
    expect(await run('token share nightly 10 --endpoint users')).toMatch(/share +35 %\n.*\nat users +10 %/);
    expect(await run('token share nightly 60 --concurrency')).toMatch(/concurrency +60 %\nat users +10 %/);
    expect(await json('token show nightly')).toMatchObject({
      details: { percentage: 35, concurrencyPercentage: 60, byEndpoint: { users: 10 } },
    });
    const secret = secretIn(await run('token rotate nightly --overlap PT1H'));
    expect(await run('user show me', { ...env, TOLLGATE_TOKEN: secret })).toContain('grace@example.com');
    expect(await run('token revoke nightly')).toBe('Revoked nightly.\n');
    await expect(run('token show nightly')).rejects.toThrow(
      'There is no token with the name or id "nightly".',
    );
  });

  it('lists the busiest tokens', async () => {
    const { id } = plane.admin.token;
    await plane.store.count({ id: 'a', at: plane.clock.now(), tokens: [{ tokenId: id, requests: 12345 }] });
    expect(await run('token top')).toMatch(
      new RegExp(`^REQUESTS +ID +NAME +OWNER\\n12345 +${id} +a token +${plane.admin.user.login}\\n`),
    );
    expect(await json('token top --hours 24 --limit 1')).toMatchObject({ tokens: [{ id }] });
    await expect(run('token top --hours 25')).rejects.toThrow('hours: must be a whole number from 1 to 24');
  });

  it('changes, deactivates and deletes a zone', async () => {
    expect(await run('zone update plant --name works --gateway 203.0.113.0/24')).toMatch(
      /name +works\n(.*\n)*gateways +203\.0\.113\.0\/24\nproxies +127\.0\.0\.1-127\.0\.0\.1\n/,
    );
    await expect(run('zone delete works')).rejects.toThrow('Active zones cannot be deleted.');
    expect(await run('zone deactivate works')).toMatch(/status +INACTIVE/);
    expect(await run('zone activate works')).toMatch(/status +ACTIVE/);
    await run('zone deactivate works');
    expect(await run('zone delete works')).toBe('Deleted works.\n');
  });

  it('changes who a user is, and says so where nothing is to change', async () => {
    await run('user create joan@example.com --first-name Joan --last-name Clarke');
    const changed = await run(
      'user update joan@example.com --last-name Murray --login joan@mail.example.com',
    );
    expect(changed).toMatch(/login +joan@mail\.example\.com\nname +Joan Murray\n/);
    await expect(run('user update joan@mail.example.com')).rejects.toThrow('Nothing says what to change.');
  });

  it('sees a user through its life, with its roles', async () => {
    const status = async (step: string) =>
      /status +(\w+)/.exec(await run(`user ${step} grace@example.com`))?.[1];
    expect(await status('suspend')).toBe('SUSPENDED');
    expect(await status('unsuspend')).toBe('ACTIVE');
    expect(await status('deactivate')).toBe('DEPROVISIONED');
    expect(await status('activate')).toBe('ACTIVE');
    expect(await run('user grant grace@example.com org_admin')).toMatch(/roles +.*ORG_ADMIN/);
    expect(await run('user withdraw grace@example.com ORG_ADMIN')).toMatch(/roles +READ_ONLY_ADMIN\n/);
    await expect(run('user withdraw grace@example.com ORG_ADMIN')).rejects.toThrow('tollgate user show');
    expect(await run('user list --q grace')).toContain('grace@example.com');
  });

  it('registers an agent and stops it', async () => {
    const secret = secretIn(await run('agent register dc1 --kind ldap'));
    expect(await run('user show me', { ...env, TOLLGATE_TOKEN: secret })).toContain(plane.admin.user.login);
    expect(await run('agent list')).toMatch(/a53\w{17} +dc1 +LDAP +ACTIVE +00T\w{17}/);
    expect(await run('agent deactivate dc1')).toMatch(/status +INACTIVE/);
    expect(await run('agent activate dc1')).toMatch(/status +ACTIVE/);
    await run('agent deactivate dc1');
    expect(await run('agent delete dc1')).toBe('Deleted dc1.\n');
  });

  it('explains what the gate would decide', async () => {
    await run('token create explained --in-zone LegacyIpZone');
    const words = await run('explain explained get /hello --from 127.0.0.1 --forwarded-for 192.0.2.1');
    expect(words).toMatch(/^decision +reject: zone\.outside \(403\)\n/);
    expect(words).toMatch(/hop 0 +127\.0\.0\.1: a trusted proxy\nhop 1 +192\.0\.2\.1: the caller\n/);
    expect(words).toMatch(/endpoint +unmatched: \d+ left of \d+ in \d+ s\n/);
  });

  it('reads all of it in the log, the oldest first', async () => {
    const lines = (await run('log list --q nightly')).trimEnd().split('\n');
    const types = lines.map((line) => line.split('  ')[2]);
    expect(types[0]).toBe('system.api_token.create');
    expect(types.at(-1)).toBe('system.api_token.revoke');
    expect(lines.at(-1)).toContain(`by ${plane.admin.user.login} from 127.0.0.1  on Token nightly`);
  });

  it('follows the log, each event once', async () => {
    plane.clock.advance(1000);
    await run('zone create last --gateway 192.0.2.0/24');
    const stop = new AbortController();
    const types: string[] = [];
    const following = run(
      'log tail -n 1 --json',
      env,
      (line) => {
        types.push(JSON.parse(line).eventType);
        if (types.length === 1) void run('zone create seen --gateway 192.0.2.0/24');
        if (types.length === 2) stop.abort();
      },
      stop.signal,
    );
    await following;
    expect(types).toEqual(['zone.create', 'zone.create']);
  });
});

describe('a command that cannot do what it is asked says what to do next', () => {
  const cases: readonly (readonly [string, string, () => Environment, string])[] = [
    ['without a token', 'token list', () => ({ XDG_CONFIG_HOME: directory }), 'Set TOLLGATE_TOKEN'],
    [
      'with a token that nobody has',
      'token list',
      () => ({ ...env, TOLLGATE_TOKEN: 'x'.repeat(40) }),
      'Set TOLLGATE_TOKEN to the secret of a token that is valid',
    ],
    [
      'where nothing listens',
      'token list',
      () => ({ ...env, TOLLGATE_ADMIN_URL: 'http://127.0.0.1:1' }),
      'set TOLLGATE_ADMIN_URL to where it listens',
    ],
    [
      'with an address that is none',
      'token list',
      () => ({ ...env, TOLLGATE_ADMIN_URL: 'localhost' }),
      'Set TOLLGATE_ADMIN_URL to one such as http://127.0.0.1:8081',
    ],
    [
      'of a record that is not there',
      'zone show nowhere',
      () => env,
      'See what there is: tollgate zone list',
    ],
    [
      'of an id that is not there',
      'token show 00T00000000000000000',
      () => env,
      'See what there is: `tollgate token list`',
    ],
    ['of a name that several have', 'token show a_token', () => env, 'Name the one you mean by its id.'],
    [
      'with two networks at once',
      'token create x --anywhere --any-zone',
      () => env,
      'Give one of --anywhere',
    ],
    ['with a bad address', 'zone create x --gateway 1.2.3.4.5', () => env, 'Make sure it is a valid IPV4.'],
  ];
  it.each(cases)('%s', async (_, line, settings, next) => {
    if (line.endsWith('a_token')) {
      await run('token create a_token');
      await run('token create a_token');
    }
    await expect(run(line, settings())).rejects.toThrow(next);
  });

  it('with a share that is none', async () => {
    await expect(run('token share x 101')).rejects.toThrow('It must be a whole number from 0 to 100.');
  });
});

describe('profiles', () => {
  const settings = () => ({ TOLLGATE_PROFILES: join(directory, 'kept', 'profiles.json') });
  const written = (content: string, mode: number) => {
    const file = join(directory, 'written.json');
    writeFileSync(file, content);
    chmodSync(file, mode);
    return { TOLLGATE_PROFILES: file };
  };
  const kept = (profile: object) =>
    written(JSON.stringify({ current: 'default', profiles: { default: profile } }), 0o600);

  it('are kept by a login whose token is good, for their owner alone, and used from then on', async () => {
    typed = ` ${plane.admin.secret}\n`;
    expect(await run(`login --url ${plane.origin}`, settings())).toContain(`: ${plane.admin.user.login} on`);
    const file = settings().TOLLGATE_PROFILES;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'kept')).mode & 0o777).toBe(0o700);
    expect(await run('user show me', settings())).toContain(plane.admin.user.login);
  });

  it('can be several: the last login is used, until another is chosen, for once or for good', async () => {
    const other = await plane.person([]);
    typed = other.secret;
    await run(`login --url ${plane.origin} --profile other`, settings());
    expect(await run('user show me', settings())).toContain(other.user.login);
    const once = { ...settings(), TOLLGATE_PROFILE: 'default' };
    expect(await run('user show me', once)).toContain(plane.admin.user.login);
    await run('profile use default', settings());
    expect(await run('user show me', settings())).toContain(plane.admin.user.login);
    const list = await run('profile list', settings());
    expect(list).toMatch(/^\* {2}default +http:/m);
    expect(list).toMatch(/^ +other +http:/m);
    expect(list).not.toContain(other.secret);
    await run('profile remove other', settings());
    expect(await run('profile list', settings())).not.toContain('other');
    await expect(run('profile use other', settings())).rejects.toThrow('tollgate profile list');
  });

  it.each([
    ['the secret of nobody', () => 'x'.repeat(40), '--profile bad', 'token that is valid'],
    ['nothing', () => '', '--profile bad', 'Give it whole'],
    ['a name that is none', () => plane.admin.secret, '--profile ../bad', 'Use 1 to 64 letters'],
    ['a name of the prototype', () => plane.admin.secret, '--profile toString', 'Use 1 to 64 letters'],
  ])('keep nothing of a login with %s', async (_, secret, options, next) => {
    typed = secret();
    await expect(run(`login --url ${plane.origin} ${options}`, settings())).rejects.toThrow(next);
    expect(await run('profile list', settings())).not.toContain('bad');
  });

  it('are refused when others can read them', async () => {
    await expect(run('user show me', written('{}', 0o640))).rejects.toThrow('Run: chmod 600');
  });

  it.each(['{', '[]', '{"current":7}', '{"current":"x","profiles":{"x":{"secret":"y"}}}'])(
    'are refused when the file holds %s',
    async (content) => {
      await expect(run('user show me', written(content, 0o600))).rejects.toThrow('written.json is not');
    },
  );

  it('never give their token to another address', async () => {
    const profile = kept({ url: plane.origin, token: plane.admin.secret });
    const elsewhere = { ...profile, TOLLGATE_ADMIN_URL: 'http://127.0.0.1:1' };
    await expect(run('user show me', elsewhere)).rejects.toThrow('Set TOLLGATE_TOKEN too');
  });

  it('send no token in the clear to another machine unless told to', async () => {
    const url = 'http://192.0.2.1:9';
    const clear = 'Over plain http, everybody between here and 192.0.2.1 could read the token.';
    typed = plane.admin.secret;
    await expect(run(`login --url ${url}`, settings())).rejects.toThrow(clear);
    await expect(run('token list', { ...env, TOLLGATE_ADMIN_URL: url })).rejects.toThrow('--insecure');
    await expect(run('token list', kept({ url, token: 'x' }))).rejects.toThrow(clear);
    // What is told to goes on, and finds that a proxy of this name answers nothing.
    const nowhere = { ...env, TOLLGATE_ADMIN_URL: 'http://tollgate.invalid' };
    await expect(run('--insecure token list', nowhere)).rejects.toThrow('Nothing answers');
    await expect(run('token list --insecure', nowhere)).rejects.toThrow('Nothing answers');
    const insecure = kept({ url: 'http://tollgate.invalid', token: 'x', insecure: true });
    await expect(run('token list', insecure)).rejects.toThrow('Nothing answers');
    for (const address of ['http://localhost:1', 'http://[::1]:1', 'https://tollgate.invalid']) {
      const settled = { ...env, TOLLGATE_ADMIN_URL: address };
      await expect(run('token list', settled)).rejects.toThrow('Nothing answers');
    }
  });
});

describe('completion', () => {
  const completed = (script: string, words: readonly string[]) => {
    const typed = words.map((word) => `'${word}'`).join(' ');
    const ask = `COMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _tollgate; echo "\${COMPREPLY[*]}"`;
    return spawnSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8' }).stdout.trim();
  };

  it('offers the commands and options that fit in bash', async () => {
    const script = await run('completion bash');
    expect(completed(script, ['tollgate', 'zo'])).toBe('zone');
    expect(completed(script, ['tollgate', 'token', 're'])).toBe('restrict revoke');
    expect(completed(script, ['tollgate', 'token', 'restrict', 'nightly', '--any'])).toBe(
      '--anywhere --any-zone',
    );
  });

  it('offers the names that the server has, and runs nothing that is in one', async () => {
    const answers = `tollgate() { [ "$*" = 'names zone of' ] && printf '%s\\n' office 'of $(echo run) it'; }`;
    const script = `${answers}\n${await run('completion bash')}`;
    expect(completed(script, ['tollgate', 'zone', 'show', 'of'])).toBe(
      'office of\\ \\$\\(echo\\ run\\)\\ it',
    );
    expect(completed(script, ['tollgate', 'token', 'create', 'x', '--in-zone', 'of'])).toContain('office');
    expect(completed(script, ['tollgate', 'zone', 'show', '--js'])).toBe('--json');
  });

  it('asks the server for names of tokens, zones, users and agents that begin so', async () => {
    await run('token create night-shift');
    await run('zone create Nights --gateway 192.0.2.0/24');
    await run('agent register night-agent --kind ldap');
    expect((await run('names token night')).trimEnd().split('\n').toSorted()).toEqual([
      'night-agent',
      'night-shift',
    ]);
    expect(await run('names zone ni')).toBe('Nights\n');
    expect(await run('names agent night')).toBe('night-agent\n');
    expect(await run('names user grace')).toBe('grace@example.com\n');
    expect(await run('names anything x')).toBe('');
  });

  it.each(['zsh', 'fish'])('is there for %s', async (shell) => {
    expect(await run(`completion ${shell}`)).toContain('complete ');
  });

  it('is refused for a shell that is not known', async () => {
    await expect(run('completion nu')).rejects.toThrow('not for nu');
  });
});

it('prints nothing that steers the terminal, whatever others call their records', () => {
  expect(printable('a\u001b[31mred\u0007\nb\u009b2J')).not.toMatch(/\p{Cc}/u);
});

describe('somebody else who changes the same record in the meantime', () => {
  /** A way to the management API on which something happens before each request to change a record with PUT. */
  async function interposed(happens: () => Promise<unknown>) {
    const server = createServer(async (request, response) => {
      const body = (await request.toArray()).join('');
      if (request.method === 'PUT') await happens();
      const answer = await fetch(plane.origin + request.url, {
        method: request.method ?? '',
        headers: Object.entries(request.headers).flatMap(([name, value]) =>
          name.startsWith('content-len') || name === 'connection' ? [] : [[name, String(value)]],
        ),
        ...(body === '' ? {} : { body }),
      });
      const { status, headers } = answer;
      response.writeHead(status, {
        'x-okta-request-id': headers.get('x-okta-request-id') ?? '',
        ...(headers.has('etag') ? { etag: headers.get('etag') ?? '' } : {}),
      });
      response.end(await answer.text());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { server, env: { ...env, TOLLGATE_ADMIN_URL: origin } };
  }

  it('keeps what they changed of a zone, and is told of', async () => {
    await run('zone create shared --gateway 192.0.2.0/24');
    const { server, env: through } = await interposed(() =>
      run('zone update shared --gateway 198.51.100.0/24'),
    );
    await expect(run('zone update shared --name other', through)).rejects.toThrow(/Somebody else changed it/);
    server.close();
    expect(await run('zone show shared')).toMatch(/gateways +198\.51\.100\.0\/24\n/);
  });

  it("keeps what they changed of a token's shares, and is told of", async () => {
    await run('token create shared');
    await run('token share shared 10 --endpoint users');
    const { server, env: through } = await interposed(() =>
      run('token share shared 20 --endpoint unmatched'),
    );
    await expect(run('token share shared 30 --endpoint users', through)).rejects.toThrow(
      /Somebody else changed it/,
    );
    server.close();
    const shares = await run('token show shared');
    expect(shares).toMatch(/users: 10 %/);
    expect(shares).toMatch(/unmatched: 20 %/);
  });
});

describe('what cannot be done in one step', () => {
  it('says of a role that there is not which there are, and makes nothing', async () => {
    const names = '--first-name Edsger --last-name Dijkstra';
    await expect(run(`user create edsger@example.com ${names} --role BOSS`)).rejects.toThrow(
      /It must be one of SUPER_ADMIN, ORG_ADMIN/,
    );
    await expect(run('user show edsger@example.com')).rejects.toThrow(/Not found/);
  });

  it('says of a user who is made, but may not be given the role, that it is there', async () => {
    const organisation = await plane.person(['ORG_ADMIN']);
    const names = '--first-name Tony --last-name Hoare';
    const asked = run(`user create tony@example.com ${names} --role org_admin`, {
      ...env,
      TOLLGATE_TOKEN: organisation.secret,
    });
    await expect(asked).rejects.toThrow(/The user tony@example\.com is made, without that role/);
    expect(await run('user show tony@example.com')).toMatch(/roles +-\n/);
  });
});

it('what answers in JSON and is not the management API is told apart from it', async () => {
  const server = createServer((_, response) => response.end('{"method":"GET"}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(run('token list', { ...env, TOLLGATE_ADMIN_URL: url })).rejects.toThrow(
    "What answers with 200 there is not Tollgate's management API.",
  );
  server.close();
});
