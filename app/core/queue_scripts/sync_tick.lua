-- sync_tick(name, ticks counted in Postgres) -> ticks held here before, -1 when there were none
-- Why: a wiped or rewound server looks like a quiet day; beside a count kept in Postgres it does not (rule 2.8). The
-- higher count is kept, so that several workers may tick at once and a worker that dies between the two leaves no debt.
local key = 'tick:' .. ARGV[1]
local before = tonumber(call('GET', key))
if not before or before < tonumber(ARGV[2]) then
  call('SET', key, ARGV[2])
end
return before or -1
