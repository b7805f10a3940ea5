-- find_lifecycle [worker, web, operator]: where a tenant stands: platform work.
SELECT t.tenant_id, t.type, t.status, t.status_reason, t.status_changed_at, t.revision, t.delete_after, t.trial_ends_at
FROM tenants AS t WHERE t.tenant_id = $1;

-- change_status [worker, web, operator]: only from a status, and a revision if one is given, that was seen: of two who
-- decide at once the second one is told that things have changed.
UPDATE tenants AS t
SET status = $4, status_reason = $5, delete_after = $6, status_changed_at = now(), revision = t.revision + 1
WHERE t.tenant_id = $1 AND t.status = ANY ($2::text[]) AND ($3::integer IS NULL OR t.revision = $3)
RETURNING t.revision;

-- extend_trial [web, operator]: whoever activates an ended trial says until when.
UPDATE tenants AS t SET trial_ends_at = $2 WHERE t.tenant_id = $1 AND t.type = 'trial' RETURNING t.tenant_id;

-- list_ended_trials [worker]: platform work.
SELECT t.tenant_id FROM tenants AS t
WHERE t.type = 'trial' AND t.status = 'active' AND t.trial_ends_at <= now() ORDER BY t.tenant_id;

-- list_due_erasures [worker]: whose grace is over, and whose erasure was begun and not finished: platform work.
SELECT t.tenant_id FROM tenants AS t
WHERE (t.status = 'deleting' AND t.delete_after <= now()) OR (t.status = 'deleted' AND t.status_reason = 'erasing')
ORDER BY t.tenant_id;

-- begin_erasure [worker]: the row lock decides between it and a cancellation; from here on there is no way back.
UPDATE tenants AS t
SET status = 'deleted', status_reason = 'erasing', status_changed_at = now(), revision = t.revision + 1
WHERE t.tenant_id = $1 AND t.status = 'deleting' AND t.delete_after <= now()
RETURNING t.tenant_id;

-- finish_erasure [worker]: not before every process has forgotten the keys: until then one could still write rows.
UPDATE tenants AS t SET status_reason = 'erased', revision = t.revision + 1
WHERE t.tenant_id = $1 AND t.status = 'deleted' AND t.status_reason = 'erasing'
  AND t.status_changed_at <= now() - make_interval(secs => $2)
RETURNING t.tenant_id;

-- list_hooks_to_remove [worker]: providers that still call for a tenant that is not served: platform work.
SELECT DISTINCT i.tenant_id FROM tenant_integrations AS i JOIN tenants AS t ON t.tenant_id = i.tenant_id
WHERE t.status <> 'active' AND i.status <> 'deleted' AND i.hook_status = 'registered' ORDER BY i.tenant_id;

-- list_hooks_to_register [worker]: providers that do not call yet for one that is served again: platform work. What
-- failed before waits for its time, which it shares with the watchdog: either of the two tries it then.
SELECT i.tenant_id, i.integration_id, coalesce(w.failures, 0)
FROM tenant_integrations AS i JOIN tenants AS t ON t.tenant_id = i.tenant_id
LEFT JOIN hook_watches AS w ON w.tenant_id = i.tenant_id AND w.integration_id = i.integration_id
WHERE t.status = 'active' AND i.status = 'active' AND i.hook_status = 'removed'
  AND (coalesce(w.failures, 0) = 0 OR w.due_at <= now())
ORDER BY i.tenant_id, i.integration_id;
