-- Why: after the server's clock stepped back, leases, holds and dues would stand, and new tenants would sort before all
-- waiting ones, for as long as the step (row j2). Done once per step, O(tenants with work); retry times are shifted for
-- at most MENDED_RETRIES_MAX events, the rest are taken as due by `look` and `read` when they are too far ahead.
local MENDED_RETRIES_MAX = 20000

local function ready_keys()
  local keys, seen = { 'ready:shared' }, { shared = true }
  for _, group in ipairs(call('HVALS', 'groups')) do
    if not seen[group] then
      seen[group] = true
      keys[#keys + 1] = 'ready:' .. group
    end
  end
  return keys
end

local function mend(step)
  local tenants = {}
  local after_now = '(' .. string.format('%.0f', now)
  for _, ready in ipairs(ready_keys()) do
    for _, id in ipairs(call('ZRANGE', ready, 0, -1)) do
      tenants[#tenants + 1] = id
    end
    for _, id in ipairs(call('ZRANGEBYSCORE', ready, after_now, '+inf')) do
      call('ZADD', ready, now, id)
    end
  end
  for _, id in ipairs(call('ZRANGE', 'leased', 0, -1)) do
    tenants[#tenants + 1] = id
  end
  for _, id in ipairs(call('ZRANGEBYSCORE', 'leased', string.format('%.0f', now + LEASE_MS), '+inf')) do
    call('ZADD', 'leased', now + LEASE_MS, id)
  end
  for _, id in ipairs(call('ZRANGE', 'due', 0, -1)) do
    tenants[#tenants + 1] = id
    call('ZADD', 'due', now, id)
  end
  local holds = call('HGETALL', 'hold')
  for i = 1, #holds, 2 do
    if tonumber(holds[i + 1]) > now then
      call('HSET', 'hold', holds[i], tonumber(holds[i + 1]) - step)
    end
  end
  local left = MENDED_RETRIES_MAX
  for _, id in ipairs(tenants) do
    if left <= 0 then
      break
    end
    local retry = key_of(id, 'retry')
    local late = call('ZRANGEBYSCORE', retry, after_now, '+inf', 'WITHSCORES', 'LIMIT', 0, left)
    for i = 1, #late, 2 do
      call('ZADD', retry, tonumber(late[i + 1]) - step, late[i])
    end
    left = left - #late / 2
  end
end
