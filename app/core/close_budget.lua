-- The provider asked for a pause: nobody calls for so long, and batch work comes back with half of its share.
-- Calls that were on their way meet the same pause: it is kept as long as the longest of them says, and halves once.
-- KEYS: bucket, closed (as in take_budget.lua).  ARGV: pause in milliseconds, the smallest share, the batch share that
-- comes back per second, milliseconds that the bucket is kept
-- Answer: thousandths of the batch share
local pause, floor, recovery = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local state = redis.call('HMGET', KEYS[1], 'share', 'share_at_us')
local passed_s = math.max(0, now_us - (tonumber(state[2]) or now_us)) / 1000000
local share = math.min(1, (tonumber(state[1]) or 1) + passed_s * recovery)
local left = redis.call('PTTL', KEYS[2])
if left <= 0 then
  share = math.min(share, math.max(floor, share / 2))
  -- It comes back from the end of the pause on.
  redis.call('HSET', KEYS[1], 'share', string.format('%.6f', share),
    'share_at_us', string.format('%.0f', now_us + pause * 1000), 'batch_calls', '0',
    'batch_at_us', string.format('%.0f', now_us + pause * 1000))
  redis.call('PEXPIRE', KEYS[1], pause + math.ceil((1 - share) / recovery * 1000) + tonumber(ARGV[4]))
end
if pause > left then
  redis.call('SET', KEYS[2], '1', 'PX', pause)
end
return math.floor(share * 1000)
