-- read(id, run, limit, alone, after, with_retries)
--   -> {'lost'} | {'suspect' | 'ok', observed_us, last entry id, (event, entry, body, reads, tries)*}
-- Why count here: reads counted in a call of their own leave counters behind for ever, or none at all (row d). Why
-- shrink: a worker that dies takes its batch along, so what was read once is read again with at most CAP_SECOND_READ
-- others, and after that alone: a poison buries nobody (row d3).
local id, run, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local is_alone, after, with_retries = ARGV[4] == '1', ARGV[5], ARGV[6] == '1'
if call('HGET', 'runs', id) ~= run then
  return { 'lost' }
end
local retry_key, reads_key = key_of(id, 'retry'), key_of(id, 'reads')

-- The time of an observation: what is fetched after this read is newer than what was fetched after an earlier one,
-- also when the clock steps back or two reads fall into one microsecond.
local observed = clock[1] * 1000000 + clock[2]
local observed_before = tonumber(call('GET', 'observed'))
if observed_before and observed <= observed_before then
  observed = observed_before + 1
end

-- Candidates: due retries first (a fifth of the read at most, so that they never crowd out what is new), then the
-- stream from what this drain has in hand. An event that was appended twice is handed out once, and its further
-- entries are dropped: what remains of it is in this batch. Everything is read before anything is written.
local events, entries, bodies, seen, gone, redundant = {}, {}, {}, {}, {}, {}
local function add(event, entry, body)
  if seen[event] then
    redundant[#redundant + 1] = entry
    return
  end
  seen[event] = true
  events[#events + 1], entries[#entries + 1], bodies[#bodies + 1] = event, entry, body
end
if call('SISMEMBER', 'paused', id) == 0 then
  if with_retries then
    local share = math.max(1, math.floor(limit / 5))
    local due = call('ZRANGEBYSCORE', retry_key, '-inf', now, 'LIMIT', 0, share)
    if #due < share then
      local too_far = '(' .. string.format('%.0f', now + BACKOFF_MAX_MS) -- written before the clock stepped back
      local far = call('ZRANGEBYSCORE', retry_key, too_far, '+inf', 'LIMIT', 0, share - #due)
      for i = 1, #far do
        due[#due + 1] = far[i]
      end
    end
    local parked = read_fields(key_of(id, 'parked'), due)
    for i = 1, #due do
      if parked[i] then
        add(due[i], '', parked[i])
      else
        gone[#gone + 1] = due[i]
      end
    end
  end
  local room = limit - #events
  if room > 0 then -- COUNT 0 answers nil, not an empty list: that was a crash loop once
    local from = after == '' and '-' or '(' .. after
    for _, entry in ipairs(call('XRANGE', key_of(id, 'events'), from, '+', 'COUNT', room)) do
      add(entry[2][2], entry[1], entry[2][4])
    end
  end
end

-- How many of them, from the front: a batch is never larger than the smallest cap of its members.
local reads = read_fields(reads_key, events)
local taken, cap, is_suspect = 0, limit, false
for i = 1, #events do
  reads[i] = (tonumber(reads[i]) or 0) + 1
  if reads[i] > 2 then
    is_suspect = i == 1 and not is_alone
    if i == 1 and is_alone then
      taken = 1
    end
    break
  end
  if reads[i] == 2 then
    cap = math.min(cap, CAP_SECOND_READ)
  end
  if taken + 1 > cap then
    break
  end
  taken = i
end
local counted, taken_events = {}, {}
for i = 1, taken do
  taken_events[i] = events[i]
  counted[2 * i - 1], counted[2 * i] = events[i], reads[i]
end
local tries = read_fields(key_of(id, 'tries'), taken_events)

call('ZADD', 'leased', 'XX', now + LEASE_MS, id)
call_in_chunks('ZREM', retry_key, gone)
call_in_chunks('XDEL', key_of(id, 'events'), redundant)
local reply = { is_suspect and 'suspect' or 'ok', string.format('%.0f', observed), after }
if is_suspect then
  return reply
end
call('SET', 'observed', string.format('%.0f', observed))
call_in_chunks('HSET', reads_key, counted)
for i = 1, taken do
  local at = 3 + (i - 1) * 5
  reply[at + 1], reply[at + 2], reply[at + 3] = events[i], entries[i], bodies[i]
  reply[at + 4], reply[at + 5] = reads[i], tonumber(tries[i]) or 0
  if entries[i] ~= '' then
    reply[3] = entries[i]
  end
end
return reply
