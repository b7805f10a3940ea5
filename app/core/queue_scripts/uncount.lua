-- Why: giving back a count is right whoever asks and whenever (a fenced refund buried good events: row d2), as long as
-- it never creates a field: an event settled meanwhile must leave nothing behind.
-- An event that stands in the list twice was counted twice.
local function uncount(key, list)
  local times, events = {}, {}
  for _, event in ipairs(list) do
    if not times[event] then
      events[#events + 1] = event
    end
    times[event] = (times[event] or 0) + 1
  end
  local counts = read_fields(key, events)
  local lowered, dropped = {}, {}
  for i, event in ipairs(events) do
    local count = tonumber(counts[i])
    if count and count > times[event] then
      lowered[#lowered + 1] = event
      lowered[#lowered + 1] = count - times[event]
    elseif count then
      dropped[#dropped + 1] = event
    end
  end
  call_in_chunks('HSET', key, lowered)
  call_in_chunks('HDEL', key, dropped)
end
