-- Why: one command with a thousand arguments is many times cheaper than a thousand commands, and Lua's stack ends
-- below 8,000 values, so long lists go in pieces. `list` is flat; `step` values belong together.
local CHUNK = 1000

local function call_in_chunks(command, key, list)
  for first = 1, #list, CHUNK do
    call(command, key, unpack(list, first, math.min(first + CHUNK - 1, #list)))
  end
end

-- HMGET of any number of fields: an array of values, false where a field is missing.
local function read_fields(key, fields)
  local values = {}
  for first = 1, #fields, CHUNK do
    local last = math.min(first + CHUNK - 1, #fields)
    local part = call('HMGET', key, unpack(fields, first, last))
    for i = 1, #part do
      values[first + i - 1] = part[i]
    end
  end
  return values
end
