-- note_finding [worker, syncer, web, operator]: what was asked for at $3, and whether ours stood there and stands there
-- now. Answers up to when it was known before: what was missed since then is a gap. A look makes the next one due later.
INSERT INTO hook_watches AS w (tenant_id, integration_id, known_at, good_since, due_at)
VALUES ($1, $2, $3::timestamptz, CASE WHEN $5::boolean THEN $3 END, now() + make_interval(secs => $6))
ON CONFLICT (tenant_id, integration_id) DO UPDATE
SET known_at = greatest(w.known_at, EXCLUDED.known_at), due_at = EXCLUDED.due_at, failures = 0,
    good_since = CASE WHEN NOT $5 THEN NULL WHEN $4::boolean THEN $3 ELSE coalesce(w.good_since, $3) END,
    moved_at = CASE WHEN $5 AND NOT $4 THEN w.moved_at END,
    silent_since = CASE WHEN $5 AND NOT $4 THEN w.silent_since END,
    path_problem = CASE WHEN $5 THEN w.path_problem END
RETURNING old.known_at;

-- find_watch [worker, syncer, web, operator]: what the sentence for people is made of.
SELECT w.path_good_at, w.path_problem, w.silent_since FROM hook_watches AS w
WHERE w.tenant_id = $1 AND w.integration_id = $2;

-- list_watches [web, operator]: the same of all a tenant's hooks.
SELECT w.integration_id, w.path_good_at, w.path_problem, w.silent_since FROM hook_watches AS w WHERE w.tenant_id = $1;

-- list_due [worker]: whose turn it is, the longest overdue first: platform work. Refused credentials are looked at too:
-- a provider's own mistake must not need a person to be mended. So is one that nobody asked for a hook yet some minutes
-- after it was made ($2: its connectors): the process that made it died in between.
SELECT i.tenant_id, i.integration_id
FROM tenant_integrations AS i JOIN tenants AS t ON t.tenant_id = i.tenant_id
LEFT JOIN hook_watches AS w ON w.tenant_id = i.tenant_id AND w.integration_id = i.integration_id
WHERE t.status = 'active' AND i.status IN ('active', 'credentials_refused')
  AND (i.hook_status <> 'none' OR (i.connector = ANY ($2::text[]) AND i.created_at < now() - interval '5 minutes'))
  AND coalesce(w.due_at, '-infinity') <= now()
ORDER BY coalesce(w.due_at, '-infinity'), i.tenant_id, i.integration_id LIMIT $1;

-- claim_watch [worker]: of two who take the same turn the second one gets no row. Whoever dies holding it is followed
-- when the claim is over.
INSERT INTO hook_watches AS w (tenant_id, integration_id, due_at) VALUES ($1, $2, now() + make_interval(secs => $3))
ON CONFLICT (tenant_id, integration_id) DO UPDATE SET due_at = EXCLUDED.due_at WHERE w.due_at <= now()
RETURNING w.failures;

-- note_failure [worker]: nothing was found out, or nothing set right: it is tried again sooner, and ever later.
UPDATE hook_watches AS w SET failures = $3, due_at = now() + make_interval(secs => $4)
WHERE w.tenant_id = $1 AND w.integration_id = $2;

-- note_not_set [worker]: it was to be set again and still does not stand: it is tried again ever later. Whoever set it
-- meanwhile is left alone.
INSERT INTO hook_watches AS w (tenant_id, integration_id, failures, due_at)
SELECT i.tenant_id, i.integration_id, $3, now() + make_interval(secs => $4) FROM tenant_integrations AS i
WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.hook_status = 'removed'
ON CONFLICT (tenant_id, integration_id) DO UPDATE SET failures = EXCLUDED.failures, due_at = EXCLUDED.due_at;

-- note_probe [worker, web]: a test call is on its way.
UPDATE hook_watches AS w SET probe_id = $3, probed_at = $4 WHERE w.tenant_id = $1 AND w.integration_id = $2;

-- note_path [worker]: it came through (no problem), or what kept it from that; with $4 it may still come. Answers the
-- problem there was.
UPDATE hook_watches AS w
SET path_problem = $3, path_good_at = CASE WHEN $3::text IS NULL THEN w.probed_at ELSE w.path_good_at END,
    probe_id = CASE WHEN $4::boolean THEN w.probe_id END
WHERE w.tenant_id = $1 AND w.integration_id = $2
RETURNING old.path_problem;

-- list_probes [worker]: test calls on their way, the oldest first: platform work.
SELECT w.tenant_id, w.integration_id, w.probe_id, w.probed_at
FROM hook_watches AS w JOIN tenant_integrations AS i ON i.tenant_id = w.tenant_id AND i.integration_id = w.integration_id
JOIN tenants AS t ON t.tenant_id = w.tenant_id
WHERE w.probe_id IS NOT NULL AND t.status = 'active' AND i.status = 'active' ORDER BY w.probed_at LIMIT $1;

-- note_moved [syncer, worker]: the earliest that nobody has judged yet; only what a hook that stood there should have told.
UPDATE hook_watches AS w SET moved_at = $3
WHERE w.tenant_id = $1 AND w.integration_id = $2 AND w.good_since < $3 AND (w.moved_at IS NULL OR w.moved_at > $3)
  AND w.silent_since IS NULL;

-- list_moved [worker]: hooks that had so long to tell of a change, and behind them those that are silent already: platform
-- work.
SELECT w.tenant_id, w.integration_id, w.moved_at, w.silent_since
FROM hook_watches AS w JOIN tenant_integrations AS i ON i.tenant_id = w.tenant_id AND i.integration_id = w.integration_id
JOIN tenants AS t ON t.tenant_id = w.tenant_id
WHERE t.status = 'active' AND i.status = 'active' AND i.hook_status = 'registered'
  AND (w.moved_at <= now() - make_interval(secs => $1) OR w.silent_since IS NOT NULL)
ORDER BY w.silent_since IS NOT NULL, coalesce(w.moved_at, w.silent_since), w.tenant_id, w.integration_id LIMIT $2;

-- begin_silence [worker]: once: whoever comes second gets no row.
UPDATE hook_watches AS w SET silent_since = w.moved_at, moved_at = NULL
WHERE w.tenant_id = $1 AND w.integration_id = $2 AND w.silent_since IS NULL AND w.moved_at = $3
RETURNING w.silent_since;

-- end_silence [worker]: it speaks.
UPDATE hook_watches AS w SET silent_since = NULL, moved_at = NULL WHERE w.tenant_id = $1 AND w.integration_id = $2;

-- has_told [worker]: whether VTEX has told of any order since then. What was enqueued by hand has no state.
SELECT EXISTS (
    SELECT FROM events AS e
    WHERE e.tenant_id = $1 AND e.received_on >= $2 AND e.event_id > $3 AND e.integration_id = $4 AND e.kind = 'order'
      AND e.state IS NOT NULL AND e.state <> $5);
