/**
 * Every setting, in the one place where it is declared, here or in the file of its section in `schema/`: its kind and
 * bounds, its default (`prefault`, written as a file would write it; a setting without one must be given) and one
 * sentence. config/tollgate.schema.json is generated from this; config/tollgate.yaml shows all of it, and a test holds
 * it to that.
 */
import { account } from './schema/account.ts';
import { control } from './schema/control.ts';
import { file } from './schema/file-setting.ts';
import { forward } from './schema/forward.ts';
import { endpoints, limit } from './schema/limit.ts';
import { listen } from './schema/listen.ts';
import { log } from './schema/log.ts';
import { resolve } from './schema/resolve.ts';
import { store } from './schema/store.ts';
import { telemetry } from './schema/telemetry.ts';
import { zone } from './schema/zone.ts';
import { choice, duration, integer, list, needsRestart, orNull, section } from './setting.ts';

const refusals = section({
  format: choice('okta', 'problem')
    .prefault('okta')
    .describe(
      "Body of refusals: okta (Okta's error object) or problem (application/problem+json, RFC 9457).",
    ),
});

const reload = section({
  checkEvery: orNull(duration('1s', '1h'))
    .prefault(null)
    .describe(
      'How often the files are looked at for changes, which are acted on at the second look that finds them; null waits for SIGHUP.',
    ),
});

/** The whole file. */
export const configSchema = section({
  listen: listen.prefault({}).describe('Stage listen: where connections are accepted, and what bounds them.'),
  store: needsRestart(
    store.prefault({ kind: 'embedded' }).describe('Where tokens, users, zones and counters are kept.'),
  ),
  resolve: resolve.prefault({}).describe('Stage resolve: from the token in the request to its record.'),
  zone: zone.prefault({}).describe('Stage zone: from where a request comes.'),
  limit: limit.prefault({}).describe('Stage limit: how much of an endpoint a token may use.'),
  endpointFiles: list('a list of files', file())
    .prefault([])
    .describe(
      'More files with a list `endpoints`, which is added to the one here; paths are relative to this file.',
    ),
  endpoints: endpoints
    .prefault([])
    .describe('What is limited together; the most specific rule that matches a request decides.'),
  forward: forward.describe('Stage forward: from the gateway to the upstream.'),
  refusals: refusals.prefault({}).describe('What refused callers are told.'),
  account: needsRestart(account.prefault({}).describe('Stage account: last use, which keeps tokens alive.')),
  control: needsRestart(
    control.prefault({}).describe('The control plane: the management API on listen.admin.'),
  ),
  log: log.prefault({}).describe('The log: JSON lines on standard output.'),
  telemetry: telemetry.prefault({}).describe('Traces: off unless there is a receiver.'),
  reload: needsRestart(
    reload.prefault({}).describe('When a changed configuration is read, besides on SIGHUP.'),
  ),
  workers: needsRestart(
    integer(1, 256).prefault(1).describe('Gateway processes; more than one needs the store redis.'),
  ),
});
