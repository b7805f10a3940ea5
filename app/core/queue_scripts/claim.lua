-- claim(group, run) -> id | false
-- Why one script: popped and then leased in two calls, a tenant stands nowhere when the worker dies between (4 steps).
-- Scores are never compared with the clock: they order, and never delay (row f1). With nothing ready no bell means
-- anything any more, and stale ones would only wake loops for nothing.
local popped = call('ZPOPMIN', 'ready:' .. ARGV[1])
local id = popped[1]
if not id then
  call('DEL', 'doorbell:' .. ARGV[1])
  return false
end
call('ZADD', 'leased', now + LEASE_MS, id)
call('HSET', 'runs', id, ARGV[2])
return id
