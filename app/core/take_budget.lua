-- Takes up to `wanted` calls from an account's token bucket, under the server's clock.
-- KEYS: bucket (hash: calls, at_us; batch_calls, batch_at_us; share, share_at_us), closed (exists while the provider
-- asked for a pause)
-- ARGV: calls per second, burst, reserve to leave (batch work; live: 0), wanted, 1 for batch work, the batch share that
-- comes back per second
-- Answer: {granted, milliseconds to wait, thousandths of the batch share}
local rate, burst, reserve, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local is_batch, recovery = ARGV[5] == '1', tonumber(ARGV[6])
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local state = redis.call('HMGET', KEYS[1], 'calls', 'at_us', 'batch_calls', 'batch_at_us', 'share', 'share_at_us')

-- A clock that was set back gives nothing; it must not take away either.
local function since(at_us)
  return math.max(0, now_us - (tonumber(at_us) or now_us)) / 1000000
end

local share = math.min(1, (tonumber(state[5]) or 1) + since(state[6]) * recovery)
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then
  return {0, pause, math.floor(share * 1000)}
end
local calls = math.min(burst, (tonumber(state[1]) or burst) + since(state[2]) * rate)
local free, wait_s = calls - reserve, 0
local batch_burst, batch_calls = math.max(1, (burst - reserve) * share), 0
if is_batch then
  -- Never less than the bucket itself leaves to batch work, unless a 429 has cut its share.
  batch_calls = math.min(batch_burst, (tonumber(state[3]) or batch_burst) + since(state[4]) * rate * share)
  wait_s = (1 - batch_calls) / (rate * share)
  free = math.min(free, batch_calls)
end
local granted = math.max(0, math.min(wanted, math.floor(free)))
redis.call('HSET', KEYS[1], 'calls', string.format('%.6f', calls - granted), 'at_us', string.format('%.0f', now_us))
if is_batch then
  redis.call('HSET', KEYS[1], 'batch_calls', string.format('%.6f', batch_calls - granted),
    'batch_at_us', string.format('%.0f', now_us))
end
redis.call('PEXPIRE', KEYS[1], math.ceil((burst / rate + (1 - share) / recovery) * 1000) + 60000)
if granted == 0 then
  wait_s = math.max(wait_s, (reserve + 1 - calls) / rate)
  return {0, math.ceil(wait_s * 1000), math.floor(share * 1000)}
end
return {granted, 0, math.floor(share * 1000)}
