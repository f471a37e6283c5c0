-- Returns {seconds, microseconds, then per stream: length, pending, first id or ''}.
-- KEYS: streams. ARGV: group.
local now = redis.call('TIME')
local report = {tonumber(now[1]), tonumber(now[2])}
for _, key in ipairs(KEYS) do
  local pending = redis.pcall('XPENDING', key, ARGV[1])
  if pending.err then
    if not string.find(pending.err, 'NOGROUP', 1, true) then return pending end
    pending = {0}
  end
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  report[#report + 1] = redis.call('XLEN', key)
  report[#report + 1] = pending[1]
  report[#report + 1] = first and first[1] or ''
end
return report
