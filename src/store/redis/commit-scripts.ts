/**
 * The scripts that commit. A commit is a list of steps (`Step` in commit-step.ts), as JSON.
 *
 * A small commit is one script. A large one would block Redis for seconds, so it is staged in parts, checked part
 * by part, sealed in one instant (from then on it will be written, whoever has to do it), and written part by
 * part. docs/store.md tells the story; docs/adr/0005 says why.
 */
import { APPEND } from './event-scripts.ts';
import { script } from './script.ts';
import {
  ANNOUNCE,
  HOLDER_KEYS,
  HOLDERS,
  PRECONDITION_KEYS,
  PRECONDITIONS,
  WRITE,
  WRITE_KEYS,
} from './step-lua.ts';

/**
 * A small commit: all of it, or nothing and the position of what keeps it from being written: of a precondition
 * that does not hold, or of the step that wants what another record holds.
 * ARGV: as for ANNOUNCE; the steps and the preconditions, each as JSON.
 */
export const COMMIT = script(
  WRITE_KEYS,
  `${HOLDERS} ${PRECONDITIONS} ${APPEND} ${WRITE} ${ANNOUNCE}
if redis.call('EXISTS', sealed) == 1 then return { 'sealed' } end

local missed = firstUnmet(cjson.decode(ARGV[4]))
if missed then return { 'unmet', missed } end

local steps = cjson.decode(ARGV[3])
local included = {}
for _, step in ipairs(steps) do included[step.kind .. ' ' .. step.id] = true end
for position, step in ipairs(steps) do
  for _, id in ipairs(holders(step)) do
    -- A record of this commit that holds it now will not afterwards: no two steps want the same.
    if not included[step.kind .. ' ' .. id] then return { 'refused', position - 1 } end
  end
end

for _, step in ipairs(steps) do write[step.kind](step) end
return { 'written', announce(steps) }`,
);

/**
 * Puts a part of a large commit behind those that are staged. In one with when they expire: a writer that dies, or
 * hears no answer, must not leave them for good. KEYS: the staged list. ARGV: the part; in how many milliseconds.
 */
export const STAGE = script(
  [],
  `
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
);

/**
 * Checks one part of a staged commit. KEYS after the named ones: the staged list. ARGV: which part.
 * Answers with position and holder, in turn, of each step that wants what another record holds now.
 */
export const CHECK_PART = script(
  HOLDER_KEYS,
  `${HOLDERS}
local held = {}
for position, step in ipairs(cjson.decode(redis.call('LINDEX', KEYS[${HOLDER_KEYS.length + 1}], ARGV[1]))) do
  for _, id in ipairs(holders(step)) do
    if id ~= step.id then
      held[#held + 1] = position - 1
      held[#held + 1] = id
    end
  end
end
return held`,
);

/** The position of the first precondition that does not hold, or null. ARGV: some preconditions, as JSON. */
export const CHECK_PRECONDITIONS = script(
  PRECONDITION_KEYS,
  `${PRECONDITIONS} return firstUnmet(cjson.decode(ARGV[1]))`,
);

/**
 * Decides for a staged commit, if nothing was written since it was checked, and if all of it is there: a failover may
 * have lost a part. KEYS: also the staged list. ARGV: the version then; how many parts there are.
 */
export const SEAL = script(
  ['version', 'sealed'],
  `
if redis.call('EXISTS', sealed) == 1 then return 'sealed' end
if (redis.call('GET', version) or '0') ~= ARGV[1] then return 'moved' end
if redis.call('LLEN', KEYS[3]) ~= tonumber(ARGV[2]) then return 'lost' end
redis.call('RENAME', KEYS[3], sealed)
redis.call('PERSIST', sealed)
return 'done'`,
);

/**
 * Writes the next part of the sealed commit, and announces it: who reads sees it from now on. ARGV: as for ANNOUNCE.
 * Answers with how many parts are left.
 */
export const WRITE_PART = script(
  WRITE_KEYS,
  `${APPEND} ${WRITE} ${ANNOUNCE}
local part = redis.call('LINDEX', sealed, 0)
if not part then return 0 end
local steps = cjson.decode(part)
for _, step in ipairs(steps) do write[step.kind](step) end
-- Not before it is written: writing a part again does no harm, losing one would.
redis.call('LPOP', sealed)
announce(steps)
return redis.call('LLEN', sealed)`,
);
