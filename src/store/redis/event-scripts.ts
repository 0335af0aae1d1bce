/** The scripts of the System Log. docs/store.md says what its two keys hold. */
import { type KeyName, script } from './script.ts';

/** Appends an event at this server's time, and indexes it by when it happened. */
export const APPEND_KEYS: readonly KeyName[] = ['events', 'eventTimes'];
export const APPEND = `
local function append(published, record)
  local ms, sequence = string.match(redis.call('XADD', events, '*', 'event', record), '(%d+)-(%d+)')
  redis.call('ZADD', eventTimes, 0, string.format('%015d_%015d_%09d', published, ms, sequence))
end
`;

/**
 * Appends events that many processes may have seen. ARGV: a JSON list of `{ key, until, published, record }`. An
 * event is left out while one with its key holds.
 */
export const REPORT = script(
  [...APPEND_KEYS, 'told'],
  `${APPEND}
for _, report in ipairs(cjson.decode(ARGV[1])) do
  redis.call('ZREMRANGEBYSCORE', told, '-inf', report.published)
  if redis.call('ZADD', told, 'NX', report['until'], report.key) == 1 then append(report.published, report.record) end
end`,
);

/**
 * A page of events in the order in which they happened. ARGV: the bounds of the entries, in the order of reading;
 * `REV` or the empty string; how many. Answers with entry and record in turn.
 */
export const EVENTS_PUBLISHED = script(
  ['events', 'eventTimes'],
  `
local entries
if ARGV[3] == 'REV' then
  entries = redis.call('ZRANGE', eventTimes, ARGV[1], ARGV[2], 'BYLEX', 'REV', 'LIMIT', 0, ARGV[4])
else
  entries = redis.call('ZRANGE', eventTimes, ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[4])
end
local found = {}
for _, entry in ipairs(entries) do
  local ms, sequence = string.match(entry, '_0*(%d+)_0*(%d+)$')
  local id = ms .. '-' .. sequence
  local stored = redis.call('XRANGE', events, id, id)[1]
  if stored then
    found[#found + 1] = entry
    found[#found + 1] = stored[2][2]
  end
end
return found`,
);

/** Removes some of the events that happened before a moment. ARGV: that moment, as in the index; how many. Answers with how many there were. */
export const PURGE_EVENTS = script(
  APPEND_KEYS,
  `
local entries = redis.call('ZRANGE', eventTimes, '-', '(' .. ARGV[1], 'BYLEX', 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(entries) do
  local ms, sequence = string.match(entry, '_0*(%d+)_0*(%d+)$')
  redis.call('XDEL', events, ms .. '-' .. sequence)
  redis.call('ZREM', eventTimes, entry)
end
return #entries`,
);
