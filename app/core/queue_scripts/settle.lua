-- settle(id, (event, entry or '')*)
-- Why no fence: after COMMIT deleting is always right, whoever does it. A fence here would only make the successor
-- read, fetch and commit again what is already in the ledger.
-- Why the entry is compared with the event: a server that lost its last moment (a failover, an older file) gives the
-- same entry ids again, to other events. A drain that read before would delete, by id alone, what nobody has committed.
local id = ARGV[1]
local stream = key_of(id, 'events')
local events, entries = {}, {}
for i = 2, #ARGV, 2 do
  local event, entry = ARGV[i], ARGV[i + 1]
  events[#events + 1] = event
  local found = entry ~= '' and call('XRANGE', stream, entry, entry)[1]
  if found and found[2][2] == event then
    entries[#entries + 1] = entry
  end
end
call_in_chunks('XDEL', stream, entries)
local function remove(command, name)
  local key = key_of(id, name)
  if call('EXISTS', key) == 1 then -- most tenants have no retries: 500 arguments for nothing cost 80 microseconds
    call_in_chunks(command, key, events)
  end
end
remove('ZREM', 'retry')
remove('HDEL', 'parked')
remove('HDEL', 'reads')
remove('HDEL', 'tries')
return #events
