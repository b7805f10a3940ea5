-- GCRA over several buckets at once, under the server's clock: a call passes all of them or spends nothing.
-- KEYS: one per bucket, the time (µs) at which it would be empty again. ARGV, per bucket: µs between calls, burst in µs.
-- Answer: {bucket that refused (1…) or 0, µs to wait, calls left in the tightest bucket}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local empty_at, left = {}, -1
for i = 1, #KEYS do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local at = tonumber(redis.call('GET', KEYS[i])) or now
  -- A clock that was set back must not shut anybody out for longer than a full bucket.
  at = math.min(math.max(at, now), now + burst + interval)
  local wait = at + interval - burst - now
  if wait > 0 then
    return {i, wait, 0}
  end
  empty_at[i] = at + interval
  local free = math.floor((now + burst - empty_at[i]) / interval)
  if left < 0 or free < left then
    left = free
  end
end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.format('%.0f', empty_at[i]), 'PX', math.ceil((empty_at[i] - now) / 1000) + 1000)
end
return {0, 0, left}
