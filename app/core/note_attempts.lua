-- Appends notes of failed attempts to the hash of one tenant and day. KEYS: the hash. ARGV: events, notes of one event,
-- lifetime in s, then (event, note)*. A note has no ';'. A full hash takes notes of the events that it has, and no more.
-- Answer: notes that found no room.
local events_max, notes_max = tonumber(ARGV[1]), tonumber(ARGV[2])
local left_out, known = 0, redis.call('HLEN', KEYS[1])
for i = 4, #ARGV, 2 do
  local event, note = ARGV[i], ARGV[i + 1]
  local before = redis.call('HGET', KEYS[1], event)
  if before then
    local _, count = string.gsub(before, ';', '')
    if count + 1 >= notes_max then
      before = string.gsub(before, '^[^;]*;?', '', 1)
    end
    redis.call('HSET', KEYS[1], event, before == '' and note or before .. ';' .. note)
  elseif known < events_max then
    redis.call('HSET', KEYS[1], event, note)
    known = known + 1
  else
    left_out = left_out + 1
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return left_out
