import { choice, flag, ratio, section } from '../setting.ts';

export const log = section({
  level: choice('debug', 'info', 'warn', 'error', 'fatal', 'silent')
    .prefault('info')
    .describe('Least severe lines that are written.'),
  access: flag().prefault(false).describe('Whether requests are lines in the log.'),
  accessSample: ratio()
    .prefault(1)
    .describe(
      'The part, from 0 to 1, of the requests that went well or that their caller got wrong; all others are lines always.',
    ),
});
