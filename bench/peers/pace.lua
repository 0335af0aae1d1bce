-- Sends requests at a steady rate instead of as fast as answers come. Each request has its moment, one after the other
-- at equal distances; whichever connection is free takes the next. wrk counts in milliseconds, so those of one
-- millisecond go out together. Where all connections are busy, moments pass, and are made up for without a pause.
-- Its argument is the rate, in requests a second.
local ffi = require("ffi")
ffi.cdef [[
  struct timespec { long seconds; long nanoseconds; };
  int clock_gettime(int clock, struct timespec *now);
]]
local MONOTONIC = 1
local time = ffi.new("struct timespec")
local distance, due

local function now()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) * 1000 + tonumber(time.nanoseconds) / 1000000
end

function init(arguments)
  distance = 1000 / tonumber(arguments[1])
  due = now()
end

function delay()
  due = due + distance
  return math.max(0, math.floor(due - now()))
end
