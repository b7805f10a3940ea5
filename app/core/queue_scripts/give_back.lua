-- give_back(id, 'reads' | 'tries', event*)
-- Why: the failure was the surroundings' after all, so neither a read nor a try is spent (row d2). Unfenced.
local events = {}
for i = 3, #ARGV do
  events[#events + 1] = ARGV[i]
end
uncount(key_of(ARGV[1], ARGV[2]), events)
return #events
