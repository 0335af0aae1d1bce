import { z } from 'zod';
import { redisUrl } from '../network-settings.ts';
import { choice, duration, integer, orNull, section, word } from '../setting.ts';
import { file, serverName } from './file-setting.ts';

export const redisTls = section({
  ca: orNull(file())
    .prefault(null)
    .describe(
      'File with the authorities (PEM) that sign the certificates of Redis; null for those that Node trusts.',
    ),
  cert: orNull(file()).prefault(null).describe('File with the certificate (PEM) that is shown to Redis.'),
  key: orNull(file()).prefault(null).describe('File with its private key (PEM).'),
  serverName: orNull(serverName())
    .prefault(null)
    .describe("Name that every server is called by and held to; null for each server's own."),
});

const durability = section({
  file: choice('auto', 'required', 'none')
    .prefault('auto')
    .describe(
      'Whether a change is acknowledged only once it is on disk (WAITAOF): auto (where the server can say so), required or none.',
    ),
  replicas: integer(0, 5)
    .prefault(0)
    .describe('How many replicas must have a change before it is acknowledged.'),
  timeout: duration('10ms', '1m')
    .prefault('5s')
    .describe('How long to wait for both; after that the change is told to be made, but not to be safe.'),
});

export const store = z.discriminatedUnion(
  'kind',
  [
    section({
      kind: z.literal('embedded').describe('One file, used by one process.'),
      path: word('the path of a file', /^[^:\0]+$/)
        .prefault('./data/tollgate.db')
        .describe('The database file, from the directory in which Tollgate is started.'),
    }),
    section({
      kind: z.literal('redis').describe('Redis or Valkey, shared by any number of gateways.'),
      url: redisUrl()
        .prefault('redis://127.0.0.1:6379')
        .describe('Where Redis is; TOLLGATE_REDIS_URL in the environment overrides it.'),
      prefix: word('1 to 32 letters, digits and any of : . _ -', /^[A-Za-z0-9:._-]{1,32}$/)
        .prefault('tg:')
        .describe('What every key in Redis begins with.'),
      identity: orNull(
        word('the identity that tollgate doctor tells', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      )
        .prefault(null)
        .describe(
          'Which data Redis must hold, by the identity that tollgate doctor tells; null for what is found at the start.',
        ),
      commandTimeout: duration('10ms', '10s')
        .prefault('250ms')
        .describe('How long one command may take before the store counts as away.'),
      durability: durability
        .prefault({})
        .describe('What a change by management must have survived before it is acknowledged.'),
      tls: redisTls
        .prefault({})
        .describe('TLS to Redis, for a URL with rediss; files are relative to this file.'),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? 'must be embedded or redis'
        : 'must be settings, of which kind is embedded or redis',
  },
);
