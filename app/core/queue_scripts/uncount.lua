-- Why: giving back a count is right whoever asks and whenever (a fenced refund buried good events: row d2), as long as
-- it never creates a field: an event settled meanwhile must leave nothing behind.
local function uncount(key, events)
  local counts = read_fields(key, events)
  local lowered, dropped = {}, {}
  for i = 1, #events do
    local count = tonumber(counts[i])
    if count and count > 1 then
      lowered[#lowered + 1] = events[i]
      lowered[#lowered + 1] = count - 1
    elseif count then
      dropped[#dropped + 1] = events[i]
    end
  end
  call_in_chunks('HSET', key, lowered)
  call_in_chunks('HDEL', key, dropped)
end
