/** What is asked of the peers, each question a table of its own. */
import path from 'node:path';
import { mintSecret } from '../../src/domain/secret.ts';
import { PATH, requestHeaders } from '../request.ts';
import type { Peer } from './peers.ts';
import { SPENT, type Surroundings } from './surroundings.ts';
import type { Answered, Asking } from './wrk.ts';

export interface Question {
  readonly name: string;
  readonly asks: string;
  /** Whether it makes sense for a peer. */
  readonly fits: (peer: Peer) => boolean;
  readonly connections: number;
  readonly request: (around: Surroundings) => Pick<Asking, 'path' | 'headers' | 'script'>;
  /** What every answer must be: passed on, or refused. */
  readonly wanted: 'answered' | 'refused';
}

const everybody = () => true;
const enforcing = ({ enforces }: Peer) => enforces;

const plain = (target: string) => (around: Surroundings) => ({
  path: target,
  headers: requestHeaders(around.secrets[0] ?? ''),
  script: null,
});

const upload = (bytes: number) => (around: Surroundings) => ({
  ...plain('/upload/file')(around),
  script: { file: 'upload.lua', args: [String(bytes)] },
});

const withSecretsOf = (file: string) => (around: Surroundings) => ({
  ...plain(PATH)(around),
  script: { file: 'tokens.lua', args: [path.join(around.folder, file)] },
});

const KIB = 1024;
const FEW = 8;
const USUAL = 64;

const question = (
  name: string,
  asks: string,
  request: Question['request'],
  more: Partial<Question> = {},
): Question => ({
  name,
  asks,
  request,
  fits: everybody,
  connections: USUAL,
  wanted: 'answered',
  ...more,
});
const refused = { wanted: 'refused', fits: enforcing } as const;

export const QUESTIONS: readonly Question[] = [
  question('usual', `GET, 169 bytes back, ${USUAL} connections`, plain(PATH)),
  question('16', 'the same with 16 connections', plain(PATH), { connections: 16 }),
  question('512', 'the same with 512 connections', plain(PATH), { connections: 512 }),
  question('down-1k', '1 KiB back', plain('/files/1k')),
  question('down-64k', '64 KiB back', plain('/files/64k')),
  question('down-10m', `10 MiB back, ${FEW} connections`, plain('/files/10m'), { connections: FEW }),
  question('up-1k', '1 KiB there', upload(KIB)),
  question('up-64k', '64 KiB there', upload(64 * KIB)),
  question('up-10m', `10 MiB there, ${FEW} connections`, upload(10 * KIB * KIB), { connections: FEW }),
  question(
    'unknown',
    'refused: one token that nobody holds',
    (around) => {
      const headers = requestHeaders(mintSecret('tg'));
      return { ...plain(PATH)(around), headers };
    },
    refused,
  ),
  question(
    'outside',
    'refused: a good token from another network',
    (around) => {
      const headers = { ...requestHeaders(around.secrets[0] ?? ''), 'X-Forwarded-For': '198.51.100.1' };
      return { ...plain(PATH)(around), headers };
    },
    refused,
  ),
  question('limited', 'refused: a budget that is spent', plain(SPENT), {
    ...refused,
    // How the others count a window lets some through.
    fits: ({ name }) => name === 'tollgate',
  }),
  question('tokens', '100,000 tokens at random', withSecretsOf('secrets'), { fits: enforcing }),
  question('flood', 'refused: 100,000 unknown tokens at random', withSecretsOf('unknown'), refused),
];

/** @throws Error when an answer was not what it should be: what fails is not fast */
export function check({ requests, refused: turnedAway, failed }: Answered, { wanted }: Question): void {
  const wrong = wanted === 'answered' ? turnedAway : requests - turnedAway;
  if (failed > 0 || wrong > 0 || requests === 0) {
    throw new Error(`of ${requests} requests ${failed} failed and ${wrong} were not ${wanted}`);
  }
}
