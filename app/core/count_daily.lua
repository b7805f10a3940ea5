-- Counts one call of a day unless the limit is reached. KEYS: hash of the day. ARGV: field, limit, seed ('' to ask).
-- Answer: {-1} when the hash knows nothing and no seed was given; else {calls counted, 1 when this one was}.
local used = redis.call('HGET', KEYS[1], ARGV[1])
if not used then
  if ARGV[3] == '' then
    return {-1, 0}
  end
  used = ARGV[3]
  redis.call('HSET', KEYS[1], ARGV[1], used)
  redis.call('EXPIRE', KEYS[1], 172800)
end
if tonumber(used) >= tonumber(ARGV[2]) then
  return {tonumber(used), 0}
end
return {redis.call('HINCRBY', KEYS[1], ARGV[1], 1), 1}
