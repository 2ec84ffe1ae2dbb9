-- The requests of the bench: an access token and a fresh transaction id (UUIDv7) on each, as an Outway sends them.
-- From the environment: BENCH_TOKENS (file, a token a line, sent in turn), BENCH_PATH, BENCH_BODY (bytes to POST),
-- BENCH_CLOSE (set: a new connection for each request), BENCH_HEADER (a line in place of token and transaction id).
local ffi = require("ffi")
ffi.cdef [[
struct instant { long seconds; long nanoseconds; };
int clock_gettime(int clock, struct instant *now);
int getpid(void);
]]

local instant = ffi.new("struct instant")
local heads, count, turn, tail, counter, random = {}, 0, 0, "", 0, ""

local function hex(number, width)
  return string.format("%0" .. width .. "x", number)
end

local function transaction_id()
  ffi.C.clock_gettime(0, instant)
  counter = counter + 1
  local milliseconds = hex(tonumber(instant.seconds) * 1000 + math.floor(tonumber(instant.nanoseconds) / 1e6), 12)
  return milliseconds:sub(1, 8) .. "-" .. milliseconds:sub(9) .. "-7" .. hex(counter % 4096, 3)
    .. "-8" .. hex(math.floor(counter / 4096) % 4096, 3) .. "-" .. random .. hex(math.random(0, 0xffffff), 6)
end

function init(arguments)
  local body, path = os.getenv("BENCH_BODY"), os.getenv("BENCH_PATH") or "/"
  local start = (body and "POST " or "GET ") .. path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"]
    .. "\r\nAccept: application/json\r\nUser-Agent: wrk\r\n"
  tail = "\r\n"
  if os.getenv("BENCH_CLOSE") then tail = tail .. "Connection: close\r\n" end
  if body then tail = tail .. "Content-Type: application/octet-stream\r\nContent-Length: " .. body .. "\r\n" end
  tail = tail .. "\r\n" .. string.rep("x", tonumber(body or 0))
  local line = os.getenv("BENCH_HEADER")
  if line then
    heads[0], count = start .. line, 1
  else
    for token in io.lines(os.getenv("BENCH_TOKENS")) do
      heads[count] = start .. "Fsc-Authorization: Bearer " .. token .. "\r\nFsc-Transaction-Id: "
      count = count + 1
    end
  end
  plain = line ~= nil
  ffi.C.clock_gettime(0, instant)
  math.randomseed(tonumber(instant.nanoseconds) + ffi.C.getpid() * 7919)
  random = hex(math.random(0, 0xffffff), 6)
end

function request()
  turn = (turn + 1) % count
  if plain then return heads[turn] .. tail end
  return heads[turn] .. transaction_id() .. tail
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"bytes":%d,"statuses":%d,"broken":%d,"timeouts":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.status, errors.connect + errors.read + errors.write,
    errors.timeout, latency:percentile(50), latency:percentile(99)))
end
