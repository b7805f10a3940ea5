-- advance_tick [worker, web, operator]: counts up here first; Redis, which should hold the same, is compared with it.
INSERT INTO queue_ticks AS q (name, ticks) VALUES ($1, 1)
ON CONFLICT (name) DO UPDATE SET ticks = q.ticks + 1
RETURNING q.ticks;

-- find_tick [worker, web, operator]: where it stands.
SELECT q.ticks FROM queue_ticks AS q WHERE q.name = $1;
