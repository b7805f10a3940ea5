-- find(id, event, from_ms, limit) -> {where, body, due_ms or -1, reads, tries}; where: 'parked' | 'queued' | 'none' | 'unseen'
-- Why a script: read in several calls, an event on its way from the stream to `parked` would seem to be nowhere.
-- Why bounded: an event stands in the stream soon behind the millisecond of its id. Whoever looks further looks through
-- what came in the meantime, at everybody's cost: then 'unseen' says that this is no answer.
local id, event, limit = ARGV[1], ARGV[2], tonumber(ARGV[4])
local function counts()
  return tonumber(call('HGET', key_of(id, 'reads'), event)) or 0, tonumber(call('HGET', key_of(id, 'tries'), event)) or 0
end
local due = call('ZSCORE', key_of(id, 'retry'), event)
if due then
  return { 'parked', call('HGET', key_of(id, 'parked'), event) or '', due, counts() }
end
local from, seen = ARGV[3], 0
while seen < limit do
  local entries = call('XRANGE', key_of(id, 'events'), from, '+', 'COUNT', 100)
  for _, entry in ipairs(entries) do
    if entry[2][2] == event then
      return { 'queued', entry[2][4], '-1', counts() }
    end
  end
  if #entries < 100 then
    return { 'none', '', '-1', 0, 0 }
  end
  seen, from = seen + #entries, '(' .. entries[#entries][1]
end
return { 'unseen', '', '-1', 0, 0 }
