-- The gate of the benchmark's nginx: token, zone, limit, headers, as one would write it.
local ffi = require("ffi")
local lrucache = require("resty.lrucache")
ffi.cdef [[ unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md); ]]

local gate = {}
local digest = ffi.new("unsigned char[32]")
local tokens, endpoints, networks = {}, {}, {}
local cache, max, share, counters, redis_port

local function lines(path)
  local all = {}
  for line in io.lines(path) do
    local key, value = line:match("^(%S+)%s+(%S+)$")
    if key then all[#all + 1] = { key, value } end
  end
  return all
end

local function number_of(address)
  local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return a and ((tonumber(a) * 256 + tonumber(b)) * 256 + tonumber(c)) * 256 + tonumber(d)
end

function gate.load(folder, the_max, the_share, the_counters, the_redis_port)
  max, share, counters, redis_port = the_max, the_share, the_counters, the_redis_port
  cache = lrucache.new(100000)
  local zones = {}
  for _, pair in ipairs(lines(folder .. "/token-zones.map")) do zones[pair[1]] = pair[2] end
  -- Stands for the database that a cache has behind it.
  for _, pair in ipairs(lines(folder .. "/tokens.map")) do
    tokens[pair[1]] = { id = pair[2], zone = zones[pair[2]] }
  end
  for _, pair in ipairs(lines(folder .. "/endpoints.map")) do endpoints[#endpoints + 1] = pair end
  for _, pair in ipairs(lines(folder .. "/networks.map")) do
    local address, bits = pair[1]:match("^(.-)/(%d+)$")
    networks[#networks + 1] = { number_of(address), 2 ^ (32 - tonumber(bits)), pair[2] }
  end
end

local function hex_sha256(text)
  ffi.C.SHA256(text, #text, digest)
  return (ffi.string(digest, 32):gsub(".", function(c) return string.format("%02X", c:byte()) end))
end

local function zone_of(address)
  local number = number_of(address)
  for _, network in ipairs(networks) do
    if number and number >= network[1] and number < network[1] + network[2] then return network[3] end
  end
end

local function endpoint_of(path)
  for _, pair in ipairs(endpoints) do
    if ngx.re.find(path, pair[1], "jo") then return pair[2] end
  end
  return "unmatched"
end

-- Counts in the memory that the workers of this one nginx share.
local function count_here(key)
  return ngx.shared.rates:incr(key, 1, 0, 60)
end

-- Counts in Redis, for every gateway.
local function count_in_redis(key, other)
  local redis = require("nginx.redis"):new()
  redis:set_timeouts(250, 250, 250)
  assert(redis:connect("127.0.0.1", redis_port))
  redis:init_pipeline()
  redis:incr(key)
  redis:incr(other)
  local counts = redis:commit_pipeline()
  if counts[1] == 1 then redis:expire(key, 60) end
  if counts[2] == 1 then redis:expire(other, 60) end
  redis:set_keepalive(60000, 128)
  return counts[1], counts[2]
end

function gate.decide()
  local headers = ngx.req.get_headers(100)
  local secret = headers["Authorization"] and headers["Authorization"]:match("^SSWS (.+)$")
  if not secret then return ngx.exit(403) end
  local token = cache:get(secret)
  if not token then
    token = tokens[hex_sha256(secret)]
    if not token then return ngx.exit(401) end
    cache:set(secret, token, 5)
  end

  local caller = ngx.var.remote_addr
  local forwarded = headers["X-Forwarded-For"]
  if forwarded and ngx.var.trusted == "1" then caller = forwarded:match("([^,%s]+)%s*$") end
  if zone_of(caller) ~= token.zone then return ngx.exit(403) end

  local endpoint = endpoint_of(ngx.var.uri)
  local own, all
  if counters == "redis" then
    own, all = count_in_redis("rate:" .. token.id .. ":" .. endpoint, "rate:" .. endpoint)
  else
    own, all = count_here(token.id .. ":" .. endpoint), count_here(endpoint)
  end
  if own > share or all > max then return ngx.exit(429) end
  ngx.ctx.remaining = share - own

  ngx.req.clear_header("Authorization")
  ngx.req.set_header("X-Tollgate-Token-Id", token.id)
  ngx.req.set_header("X-Forwarded-For", caller)
end

function gate.tell()
  ngx.header["X-Rate-Limit-Limit"] = share
  ngx.header["X-Rate-Limit-Remaining"] = ngx.ctx.remaining
end

return gate
