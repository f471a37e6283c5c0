-- Returns {seconds, microseconds, dead letters, then per stream: length, pending, entries ever added or -1, first id or ''}.
-- KEYS: stream of dead letters, streams. ARGV: group.
local now = redis.call('TIME')
local report = {tonumber(now[1]), tonumber(now[2]), redis.call('XLEN', KEYS[1])}
for i = 2, #KEYS do
  local key = KEYS[i]
  local pending = redis.pcall('XPENDING', key, ARGV[1])
  if pending.err then
    if not string.find(pending.err, 'NOGROUP', 1, true) then return pending end
    pending = {0}
  end
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  -- Servers before 7.0 do not count, and a user may lack the right to ask.
  local info = redis.pcall('XINFO', 'STREAM', key)
  local added = -1
  if info.err and string.find(info.err, 'no such key', 1, true) then added = 0 end
  for field = 1, #info, 2 do
    if info[field] == 'entries-added' then added = info[field + 1] end
  end
  report[#report + 1] = redis.call('XLEN', key)
  report[#report + 1] = pending[1]
  report[#report + 1] = added
  report[#report + 1] = first and first[1] or ''
end
return report
