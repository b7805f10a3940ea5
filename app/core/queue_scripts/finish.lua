-- finish(id, run, hold_ms, refunded event*) -> 1 | 0 when the lease was lost
-- Why one script: looking at the queue and then dropping the lease in two calls strands what is appended between (11
-- steps); a stale drain that finishes unfenced starts a second chain of turns for ever (row b). Refunds come first and
-- need no lease. A held tenant stands in `due`: in no set it would be stranded, in `ready` it would be a hot loop.
local id, hold_ms = ARGV[1], tonumber(ARGV[3])
local refunded = {}
for i = 4, #ARGV do
  refunded[#refunded + 1] = ARGV[i]
end
uncount(key_of(id, 'reads'), refunded)
if call('HGET', 'runs', id) ~= ARGV[2] then
  return 0
end
call('ZREM', 'leased', id)
call('HDEL', 'runs', id)
if hold_ms > 0 then
  call('HSET', 'hold', id, now + math.min(hold_ms, HOLD_MAX_MS))
end
look(id, 0)
return 1
