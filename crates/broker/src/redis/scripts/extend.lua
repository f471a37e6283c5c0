-- Resets the idle time of the consumer's own requests; returns the ids that are not, or no longer, its own.
-- KEYS: stream. ARGV: group, consumer, ids…
local lost, own = {}, {}
for i = 3, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if pending.err then
    -- Without the group nothing is anybody's.
    if not string.find(pending.err, 'NOGROUP', 1, true) then return pending end
    lost[#lost + 1] = ARGV[i]
  elseif #pending == 0 then
    lost[#lost + 1] = ARGV[i]
  else
    own[#own + 1] = ARGV[i]
  end
end
if #own > 0 then
  own[#own + 1] = 'JUSTID'
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(own))
end
return lost
