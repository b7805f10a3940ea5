-- recall(id, skip, limit) -> {looked at, of these kept}
-- Why: events of a paused integration wait until a date; when it is resumed they are to come at once. Those with a
-- failure of their own keep their date, or a resume would spend their tries. Bounded: the caller goes on, skipping those
-- that stay, until fewer than `limit` are there.
local id, skip, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local retry_key = key_of(id, 'retry')
local waiting = call('ZRANGEBYSCORE', retry_key, '(' .. now, '+inf', 'LIMIT', skip, limit)
local tries = read_fields(key_of(id, 'tries'), waiting)
local kept, due = 0, {}
for i = 1, #waiting do
  if tries[i] then
    kept = kept + 1
  else
    due[#due + 1] = now
    due[#due + 1] = waiting[i]
  end
end
call_in_chunks('ZADD', retry_key, due)
look(id, NEW_AHEAD_MS)
return { #waiting, kept }
