import { credentialHeader } from '../network-settings.ts';
import { choice, duration, integer, list, needsRestart, orNull, section, text, word } from '../setting.ts';
import { inSeconds, window } from './window-setting.ts';

const PEPPER =
  'a secret of 32 to 1024 characters, at least 8 of them different; `openssl rand -hex 32` makes one';

const failures = section({
  max: integer(1, 1_000_000)
    .prefault(100)
    .describe('Failed authentications of one address in a window; IPv6 addresses of one /64 are one.'),
  window: window.prefault('60s').describe('Length of that window, in whole seconds.'),
}).transform(inSeconds);

export const resolve = section({
  prefix: needsRestart(
    word('2 to 10 small letters and digits that begin with a letter', /^[a-z][a-z0-9]{1,9}$/)
      .prefault('tg')
      .describe('What the secrets of tokens made here begin with, before an underscore.'),
  ),
  schemes: list('a list of SSWS and Bearer', choice('SSWS', 'Bearer'))
    .prefault(['SSWS'])
    .describe('Schemes of the Authorization header that carry a token; Okta has SSWS alone.'),
  header: orNull(credentialHeader())
    .prefault(null)
    .describe('One more header that may carry a token, without a scheme; null for none.'),
  pepper: needsRestart(
    orNull(
      text(PEPPER, /^[^\s\0]{32,1024}$/, (pepper) => (new Set(pepper).size >= 8 ? pepper : null), {
        secret: true,
      }),
    )
      .prefault(null)
      .describe(
        'Key that hashes of tokens are made with; all gateways need the same one, and changing it makes every token unknown.',
      ),
  ),
  cacheSize: needsRestart(
    integer(1, 10_000_000)
      .prefault(100_000)
      .describe('Tokens kept in memory; of unknown ones, a tenth as many.'),
  ),
  freshFor: needsRestart(
    duration('0s', '1h')
      .prefault('5s')
      .describe(
        'Oldest answer of the store that is believed, unless the store vouches for it since; changes act sooner, as they are pushed.',
      ),
  ),
  negativeFreshFor: needsRestart(
    duration('0s', '1h').prefault('5s').describe('How long "there is no such token" is believed.'),
  ),
  staleFor: needsRestart(
    duration('0s', '1d')
      .prefault('60s')
      .describe(
        'Oldest answer that is used while the store is away, counted from when it was last vouched for.',
      ),
  ),
  failures: orNull(failures)
    .prefault({})
    .describe(
      'How often an address may come with what is no token before this gateway looks none of its up any more; null for no bound.',
    ),
});
