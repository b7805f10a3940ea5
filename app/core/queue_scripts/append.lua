-- append(id, cap, ahead, (event, body)*) -> 'ok' | 'full'
-- Why one script: appending and then ringing in two calls strands the event when the receiver dies between (3 steps).
-- The cap is checked for the whole batch before the first write; there is no MAXLEN, which would trim unread events.
-- This is the only script without allow-oom: when memory is used up the server refuses it before it begins, while
-- everything that empties the queue goes on.
local id = ARGV[1]
local events = key_of(id, 'events')
local waiting = call('XLEN', events) + call('ZCARD', key_of(id, 'retry'))
local added = (#ARGV - 3) / 2
if waiting + added > tonumber(ARGV[2]) then
  return 'full'
end
for i = 4, #ARGV, 2 do
  call('XADD', events, '*', 'e', ARGV[i], 'b', ARGV[i + 1])
end
call('HINCRBY', 'accepted', id, added)
look(id, tonumber(ARGV[3]))
return 'ok'
