-- Makes the consumer's own requests look abandoned, so that the next reclaim takes them; returns how many were its own.
-- KEYS: stream, attempts, reclaim lock. ARGV: group, consumer, family, then pairs of id and attempts to remember.
local own = 0
for i = 4, #ARGV, 2 do
  local id = ARGV[i]
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])
  if pending.err then
    if not string.find(pending.err, 'NOGROUP', 1, true) then return pending end
  elseif #pending == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', 86400000, 'JUSTID')
    redis.call('HSET', KEYS[2], ARGV[3] .. ':' .. id, ARGV[i + 1])
    own = own + 1
  end
end
redis.call('DEL', KEYS[3])
return own
