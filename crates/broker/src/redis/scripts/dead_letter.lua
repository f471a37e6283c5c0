-- Finishes a request and records it, unless it was finished before; returns how many were finished: 1 or 0.
-- KEYS: stream, attempts, dead letters. ARGV: group, id, field of its attempts, about how many records to keep, then
-- the record's fields.
-- The request goes first: a script that has written may go on writing when the memory is full.
local finished = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) + redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[3])
if finished == 0 then return 0 end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 5))
return 1
