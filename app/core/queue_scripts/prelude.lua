-- Why: every time in the queue is the server's own, read once per script, so that no worker's clock can matter; and
-- keys are spelled in one place. The constants LEASE_MS, HOLD_MAX_MS, BACKOFF_MAX_MS, BELLS_MAX and NEW_AHEAD_MS
-- stand above this file: app/core/queue_lua.py writes them from QueueLimits.
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- The same with its microseconds, for turns: two that come back within one millisecond would else be told apart by
-- their ids, always in favour of the same one.
local now_exact = clock[1] * 1000 + clock[2] / 1000

local function key_of(id, name)
  return 't:' .. id .. ':' .. name
end

local function ready_key_of(id)
  return 'ready:' .. (call('HGET', 'groups', id) or 'shared')
end
