-- depth(id*) -> (waiting, retrying, age of the oldest entry in ms or -1, where, accepted)*
-- Why a script: read in several calls, a tenant on its way from one set to the other would seem to stand nowhere.
local reply = {}
for i = 1, #ARGV do
  local id = ARGV[i]
  local events = key_of(id, 'events')
  local head = call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
  local where = 'none'
  if call('ZSCORE', ready_key_of(id), id) then
    where = 'ready'
  elseif call('ZSCORE', 'leased', id) then
    where = 'leased'
  elseif call('ZSCORE', 'due', id) then
    where = 'due'
  elseif call('SISMEMBER', 'paused', id) == 1 then
    where = 'paused'
  end
  local at = #reply
  reply[at + 1] = call('XLEN', events)
  reply[at + 2] = call('ZCARD', key_of(id, 'retry'))
  reply[at + 3] = head and math.max(0, now - tonumber(string.match(head[1], '^%d+'))) or -1
  reply[at + 4] = where
  reply[at + 5] = tonumber(call('HGET', 'accepted', id)) or 0
end
return reply
