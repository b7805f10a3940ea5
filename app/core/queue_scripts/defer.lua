-- defer(id, run, (event, entry or '', delay_ms)*) -> 1 | 0 when the lease is lost
-- Why park: an entry that came back by XADD would get a new id and could be committed twice (row c3); XDEL and then
-- ZADD in two calls loses it (row c1). Only what is still there is parked: a successor may have settled it.
-- The read count is dropped: an event that was let go in order is not suspected of killing its worker.
local id = ARGV[1]
if call('HGET', 'runs', id) ~= ARGV[2] then
  return 0
end
local events_key, retry_key = key_of(id, 'events'), key_of(id, 'retry')
local kept = {}
for i = 3, #ARGV, 3 do
  local event, entry = ARGV[i], ARGV[i + 1]
  local found = entry ~= '' and call('XRANGE', events_key, entry, entry)[1]
  if found and found[2][2] == event then
    kept[#kept + 1] = { event, math.max(0, math.min(tonumber(ARGV[i + 2]), BACKOFF_MAX_MS)), entry, found[2][4] }
  elseif call('ZSCORE', retry_key, event) then
    kept[#kept + 1] = { event, math.max(0, math.min(tonumber(ARGV[i + 2]), BACKOFF_MAX_MS)) }
  end
end
local counted = {}
for _, item in ipairs(kept) do
  local event, delay, entry, body = unpack(item, 1, 4)
  if body then
    call('HSET', key_of(id, 'parked'), event, body)
  end
  call('ZADD', retry_key, now + delay, event)
  if body then
    call('XDEL', events_key, entry)
  end
  if not counted[event] then -- an event appended twice failed once
    counted[event] = true
    call('HINCRBY', key_of(id, 'tries'), event, 1)
  end
  call('HDEL', key_of(id, 'reads'), event)
end
return 1
