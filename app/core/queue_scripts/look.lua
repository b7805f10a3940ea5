-- Why: the one place that decides where a tenant stands. The rule of the house: a tenant with anything to do stands in
-- exactly one of ready, leased, due or paused. Every script that adds work or ends a lease ends here; deciding it
-- anywhere else, or in a second call, strands events (queue_protocol.md, rows c2, m, n).
-- A lease, hold or due time further ahead than the longest allowed was written before the clock stepped back.
local function look(id, ahead)
  local ready = ready_key_of(id)
  if call('ZSCORE', ready, id) then
    call('ZREM', 'due', id)
    return
  end
  local expiry = tonumber(call('ZSCORE', 'leased', id))
  if expiry then
    if now < expiry and expiry <= now + LEASE_MS then
      call('ZREM', 'due', id)
      return
    end
    call('ZREM', 'leased', id)
    call('HDEL', 'runs', id)
  end
  if call('SISMEMBER', 'paused', id) == 1 then
    call('ZREM', 'due', id)
    return
  end
  local hold = tonumber(call('HGET', 'hold', id))
  if hold then
    if now < hold and hold <= now + HOLD_MAX_MS then
      call('ZADD', 'due', hold, id)
      return
    end
    call('HDEL', 'hold', id)
  end
  local first = call('ZRANGE', key_of(id, 'retry'), 0, 0, 'WITHSCORES')
  local at = tonumber(first[2])
  if call('XLEN', key_of(id, 'events')) > 0 or (at and (at <= now or at > now + BACKOFF_MAX_MS)) then
    local bell = 'doorbell:' .. string.sub(ready, 7)
    call('ZADD', ready, now_exact - ahead, id)
    call('ZREM', 'due', id)
    call('RPUSH', bell, id)
    call('LTRIM', bell, -BELLS_MAX, -1)
  elseif at then
    call('ZADD', 'due', at, id)
  else
    call('ZREM', 'due', id)
  end
end
