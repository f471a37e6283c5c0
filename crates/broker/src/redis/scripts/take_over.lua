-- Takes over requests that are still idle and counts their attempts; returns {attempts, id, fields} of each.
-- KEYS: stream, attempts. ARGV: group, consumer, least idle time in ms, family, ids…
local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], unpack(ARGV, 5))
local taken, seen = {}, {}
for _, entry in ipairs(claimed) do
  if entry then
    local field = ARGV[4] .. ':' .. entry[1]
    local before = redis.call('HINCRBY', KEYS[2], field, 1)
    -- Handed back before its first start.
    if before == 0 then redis.call('HDEL', KEYS[2], field) end
    seen[entry[1]] = true
    taken[#taken + 1] = {before + 1, entry[1], entry[2]}
  end
end
for i = 5, #ARGV do
  -- Someone else was faster, or the stream no longer has it.
  if not seen[ARGV[i]] and #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 0 then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[4] .. ':' .. ARGV[i])
  end
end
return taken
