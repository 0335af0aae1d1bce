import { ENTRY_KINDS, type EntryKind } from '../../config/apply-file/schema.ts';
import type { Counts, Draft } from './draft.ts';

/** What was written, or would be, in one line: `created 2 users, 1 token; 5 are as they should be`. */
export function summary({ counts, mutations }: Draft, dryRun: boolean): string {
  const unchanged = ENTRY_KINDS.reduce((sum, kind) => sum + counts[kind].unchanged, 0);
  const rest =
    unchanged === 0 ? '' : `${unchanged} ${unchanged === 1 ? 'record is' : 'records are'} as the file says`;
  if (mutations.length === 0) return `Nothing to write: ${rest || 'the file is empty'}.\n`;
  const parts = [part('created', 'create', counts, dryRun), part('changed', 'change', counts, dryRun), rest];
  const done = dryRun ? ' Nothing was written.' : '';
  return `${parts.filter((text) => text !== '').join('; ')}.${done}\n`;
}

function part(
  done: 'created' | 'changed',
  verb: string,
  counts: Readonly<Record<EntryKind, Counts>>,
  dryRun: boolean,
): string {
  const amounts = ENTRY_KINDS.filter((kind) => counts[kind][done] > 0).map((kind) => {
    const amount = counts[kind][done];
    return `${amount} ${kind}${amount === 1 ? '' : 's'}`;
  });
  if (amounts.length === 0) return '';
  return `${dryRun ? `would ${verb}` : done} ${amounts.join(', ')}`;
}
