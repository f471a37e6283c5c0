-- Sends a dead letter again and removes its record; returns 'ok', 'missing' or 'truncated'.
-- KEYS: dead letters, native requests, raw requests. ARGV: id.
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return 'missing' end
local record = {}
for i = 1, #entry[2], 2 do record[entry[2][i]] = entry[2][i + 1] end
local body = record.body or ''
if #body < tonumber(record.size or #body) then return 'truncated' end
local stream = record.family == 'raw' and KEYS[3] or KEYS[2]
if record.client then
  redis.call('XADD', stream, '*', 'message', body, 'client', record.client)
else
  redis.call('XADD', stream, '*', 'message', body)
end
redis.call('XDEL', KEYS[1], ARGV[1])
return 'ok'
