import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What has V8 collect its garbage now: that of young objects, or all. */
export function garbageCollector(): (type: 'minor' | 'major') => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: { readonly type: 'minor' | 'major' }) => void;
  setFlagsFromString('--no-expose-gc');
  return (type) => collect({ type });
}
