import { publicUrl } from '../network-settings.ts';
import { duration, integer, orNull, section, size } from '../setting.ts';
import { inSeconds, window } from './window-setting.ts';

export const control = section({
  publicUrl: orNull(publicUrl())
    .prefault(null)
    .describe(
      'What links in answers begin with, such as https://tollgate.example.com; null takes the Host of each request.',
    ),
  bodySize: size('1KiB', '64MiB').prefault('1MiB').describe('Largest request body of the management API.'),
  limit: section({
    max: integer(1, 1_000_000_000).prefault(1200).describe('Management requests a window.'),
    window: window.prefault('60s').describe('Length of the window of management requests, in whole seconds.'),
  })
    .transform(inSeconds)
    .prefault({})
    .describe('The limit of the management API itself, of which each token has its share.'),
  sweepEvery: duration('1s', '1d')
    .prefault('1m')
    .describe(
      'How often tokens that were unused for their whole window are revoked, and old events removed.',
    ),
  logRetention: duration('1d', '3650d').prefault('90d').describe('How long the System Log is kept.'),
});
