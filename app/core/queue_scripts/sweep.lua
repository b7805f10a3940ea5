-- sweep(limit) -> {looked, is_limit_reached, stepped_back}
-- Why: a SIGKILL leaves a lease, a hold or a back-off leaves a date; somebody has to look when they have passed. Bounded,
-- and every look moves its tenant on, so no tenant is looked at for ever while others wait (row i3). What lies further
-- ahead than the longest allowed is looked at too: a clock step can fall between two sweeps.
local limit = tonumber(ARGV[1])
local last = tonumber(call('GET', 'clock'))
local stepped_back = last and now < last - 1000
if stepped_back then
  mend(last - now)
end
call('SET', 'clock', string.format('%.0f', now))

local looked, is_limit_reached = 0, false
local function look_at(key, from, to)
  local ids = call('ZRANGEBYSCORE', key, from, to, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    look(id, NEW_AHEAD_MS)
  end
  looked = looked + #ids
  is_limit_reached = is_limit_reached or #ids == limit
end

local longest_wait = math.max(HOLD_MAX_MS, BACKOFF_MAX_MS)
look_at('leased', '-inf', now)
look_at('leased', '(' .. string.format('%.0f', now + LEASE_MS), '+inf')
look_at('due', '-inf', now)
look_at('due', '(' .. string.format('%.0f', now + longest_wait), '+inf')
return { looked, is_limit_reached and 1 or 0, stepped_back and 1 or 0 }
