import type { Command } from 'commander';
import type { z } from 'zod';
import { explanationSchema } from '../../control/explain/operations.ts';
import { clientFor, type ManageContext, type OutputOptions, print, withJson } from './context.ts';
import { tokenId } from './named.ts';
import { fields } from './table.ts';

interface ExplainOptions extends OutputOptions {
  readonly from: string;
  readonly forwardedFor?: string;
}

/** `tollgate explain …`. */
export function addExplain(program: Command, context: ManageContext): void {
  withJson(program.command('explain <token> <method> <path>'))
    .description('Say what the gate would decide about a request with a token, and why.')
    .requiredOption('--from <address>', 'the address that connects to the gateway')
    .option('--forwarded-for <addresses>', 'the value of X-Forwarded-For')
    .action(async (name: string, method: string, path: string, options: ExplainOptions) => {
      const client = clientFor(context);
      const { body } = await client.ask('POST', '/api/v1/explain', {
        tokenId: await tokenId(client, name),
        method: method.toUpperCase(),
        path,
        peer: options.from,
        forwardedFor: options.forwardedFor,
      });
      print(context, options, body, () => inWords(explanationSchema.parse(body)));
    });
}

function inWords({
  decision,
  code,
  status,
  token,
  hops,
  verdict,
  blockedBy,
  zones,
  limit,
}: z.output<typeof explanationSchema>) {
  return fields([
    ['decision', code === null ? decision : `${decision}: ${code} (${status})`],
    ['token', `${token.name} (${token.id}): ${token.unusable ?? 'valid'}`],
    ...hops.map(({ address, is }, index) => [`hop ${index}`, `${address}: ${is}`] as const),
    ['network', verdict],
    ...(blockedBy === null ? [] : [['blocked by', `${blockedBy.name} (${blockedBy.id})`] as const]),
    ...zones.map(
      (zone) =>
        [`zone ${zone.name}`, `${zone.location}${zone.matched ? ` by ${zone.matched}` : ''}`] as const,
    ),
    ...(limit === null ? [] : limitInWords(limit)),
  ]);
}

type Limit = NonNullable<z.output<typeof explanationSchema>['limit']>;
type Concurrent = NonNullable<Limit['concurrent']>;

function limitInWords(limit: Limit): (readonly [string, string])[] {
  const underWay =
    limit.concurrent === null ? [] : [['under way', concurrentInWords(limit.concurrent)] as const];
  if (limit.max === null) return [['endpoint', `${limit.endpoint}: not limited`], ...underWay];
  return [
    [
      'endpoint',
      `${limit.endpoint}: ${limit.leftOfEndpoint} left of ${limit.max} in ${limit.windowSeconds} s`,
    ],
    ['share', `${limit.leftOfShare} left of ${limit.share} (${limit.percentage} %)`],
    ['resets', limit.resetAt ?? 'no window is open'],
    ...underWay,
  ];
}

function concurrentInWords({ ofEveryone, max, ofToken, share, percentage }: Concurrent): string {
  return `${ofEveryone} of ${max}; with the token ${ofToken} of ${share} (${percentage} %)`;
}
