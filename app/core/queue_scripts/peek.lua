-- peek(id, limit) -> (event, body, due_ms or -1, reads, tries)*: retries by date, half of the limit or what the
-- stream leaves of it; then what has waited longest.
-- Why: people ask what waits and for what. Nothing is counted as read, and nobody's turn changes.
local id, limit = ARGV[1], tonumber(ARGV[2])
local events, rows = {}, {}
local function add(event, body, due)
  events[#events + 1] = event
  rows[#rows + 1] = { event, body, due }
end
local share = math.max(math.ceil(limit / 2), limit - call('XLEN', key_of(id, 'events')))
local retries = call('ZRANGE', key_of(id, 'retry'), 0, share - 1, 'WITHSCORES')
local parked = {}
for i = 1, #retries, 2 do
  parked[#parked + 1] = retries[i]
end
local bodies = read_fields(key_of(id, 'parked'), parked)
for i = 1, #parked do
  add(parked[i], bodies[i] or '', retries[2 * i])
end
if limit > #events then
  for _, entry in ipairs(call('XRANGE', key_of(id, 'events'), '-', '+', 'COUNT', limit - #events)) do
    add(entry[2][2], entry[2][4], '-1')
  end
end
local reads, tries = read_fields(key_of(id, 'reads'), events), read_fields(key_of(id, 'tries'), events)
local reply = {}
for i, row in ipairs(rows) do
  reply[5 * i - 4], reply[5 * i - 3], reply[5 * i - 2] = row[1], row[2], row[3]
  reply[5 * i - 1], reply[5 * i] = tonumber(reads[i]) or 0, tonumber(tries[i]) or 0
end
return reply
