import type { z } from 'zod';
import type { Finding } from './problem.ts';

/** What the schema found, one finding for each mistake. */
export function findingsOf(error: z.ZodError): Finding[] {
  return error.issues.flatMap((issue): Finding[] => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }];
    // `section` in setting.ts writes one line for each key.
    const messages = issue.message.split('\n');
    return issue.keys.map((key, index) => ({ path: [...issue.path, key], message: messages[index] ?? '' }));
  });
}
