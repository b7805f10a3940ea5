-- empty(id) -> events dropped
-- Why one script: a tenant that is erased has accepted events that nobody will ever read again. Were its keys dropped
-- before its places, a claim in between would lease a tenant of nothing; the other way round, an append in between would
-- strand. A drain at work has lost its run: it reads nothing more, and what it settles or gives back creates nothing.
local id = ARGV[1]
local ready = ready_key_of(id)
local dropped = call('XLEN', key_of(id, 'events')) + call('ZCARD', key_of(id, 'retry'))
call('UNLINK', key_of(id, 'events'), key_of(id, 'retry'), key_of(id, 'parked'), key_of(id, 'reads'), key_of(id, 'tries'))
for _, key in ipairs({ ready, 'leased', 'due' }) do
  call('ZREM', key, id)
end
for _, key in ipairs({ 'runs', 'hold', 'accepted', 'groups' }) do
  call('HDEL', key, id)
end
call('SREM', 'paused', id)
call('LREM', 'doorbell:' .. string.sub(ready, 7), 0, id)
return dropped
