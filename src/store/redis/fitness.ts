/** The oldest major version with all that the scripts use (ZRANGE BYLEX in scripts, PEXPIRETIME, multi-part AOF). */
const OLDEST_MAJOR = 7;

/**
 * What makes a Redis unfit to be the system of record, each in one line that says what to set; the gravest first.
 * @param info the answer to `INFO`
 */
export function unfitness(info: string): readonly string[] {
  const facts = new Map(
    info.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)] as const;
    }),
  );
  const is = (name: string, value: string) => facts.get(name) === value;
  const version = facts.get('redis_version') ?? 'unknown';
  const policy = facts.get('maxmemory_policy') ?? 'noeviction';
  const lines: string[] = [];
  if (is('loading', '1')) lines.push('It is still loading its data: wait.');
  if (is('role', 'slave'))
    lines.push('It is a replica and cannot be written to: give the address of the primary.');
  if (!(Number.parseInt(version, 10) >= OLDEST_MAJOR)) {
    lines.push(`It is of version ${version}: ${OLDEST_MAJOR}.0 or later is needed.`);
  }
  if (is('aof_enabled', '0'))
    lines.push('Its append-only file is off, so a restart can lose tokens: set "appendonly yes".');
  if (is('aof_last_write_status', 'err'))
    lines.push('It cannot write its append-only file: look at its disk.');
  if (policy !== 'noeviction') {
    lines.push(`It may drop keys when its memory is full (${policy}): set "maxmemory-policy noeviction".`);
  }
  return lines;
}
