-- renew(id, run) -> 1 | 0
-- Why fenced: a drain that lost its lease must not lengthen its successor's.
if call('HGET', 'runs', ARGV[1]) ~= ARGV[2] then
  return 0
end
call('ZADD', 'leased', 'XX', now + LEASE_MS, ARGV[1])
return 1
