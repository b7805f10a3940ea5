-- Takes up to `wanted` calls from an account's token bucket, under the server's clock.
-- KEYS: bucket (hash: calls, at_us), closed (exists while the provider asked for a pause)
-- ARGV: calls per second, burst, reserve to leave, wanted.  Answer: {granted, milliseconds to wait}
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then
  return {0, pause}
end
local rate, burst, reserve, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local state = redis.call('HMGET', KEYS[1], 'calls', 'at_us')
local calls, at_us = tonumber(state[1]) or burst, tonumber(state[2]) or now_us
-- A clock that was set back gives nothing; it must not take away either.
calls = math.min(burst, calls + math.max(0, now_us - at_us) / 1000000 * rate)
local granted = math.min(wanted, math.floor(calls - reserve))
if granted < 1 then
  granted = 0
end
redis.call('HSET', KEYS[1], 'calls', string.format('%.6f', calls - granted), 'at_us', string.format('%.0f', now_us))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 60000)
if granted == 0 then
  return {0, math.ceil((reserve + 1 - calls) / rate * 1000)}
end
return {granted, 0}
