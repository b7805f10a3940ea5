-- place('pause' | 'resume' | 'move', id, group)
-- Why one script: taken out of its old ready set and not yet looked at, a tenant would stand nowhere. A drain at work is
-- not cut off: it reads nothing more of a paused tenant and finishes.
local verb, id, group = ARGV[1], ARGV[2], ARGV[3]
if verb ~= 'resume' then
  call('ZREM', ready_key_of(id), id)
end
if verb == 'pause' then
  call('SADD', 'paused', id)
elseif verb == 'resume' then
  call('SREM', 'paused', id)
elseif group == 'shared' then
  call('HDEL', 'groups', id)
else
  call('HSET', 'groups', id, group)
end
look(id, NEW_AHEAD_MS)
return 1
