-- plan_afresh [worker]: a plan kept from when a table was small would look through all of a tenant for every batch.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true);

-- erase_customers [worker]: by their addresses, so that a batch costs what it deletes and not what the table holds.
DELETE FROM customers AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM customers AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_customer_identities [worker]: as above.
DELETE FROM customer_identities AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM customer_identities AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_orders [worker]: as above.
DELETE FROM orders AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM orders AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_order_items [worker]: as above.
DELETE FROM order_items AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM order_items AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_order_identities [worker]: as above.
DELETE FROM order_identities AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM order_identities AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_ad_spend [worker]: as above.
DELETE FROM ad_spend AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM ad_spend AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_ad_spend_days [worker]: as above.
DELETE FROM ad_spend_days AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM ad_spend_days AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_dead_letters [worker]: as above.
DELETE FROM dead_letters AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM dead_letters AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_waiting_customers [worker]: as above.
DELETE FROM waiting_customers AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM waiting_customers AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_listing_marks [worker]: as above.
DELETE FROM listing_marks AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM listing_marks AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_completeness_findings [worker]: as above.
DELETE FROM completeness_findings AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM completeness_findings AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_completeness_days [worker]: as above.
DELETE FROM completeness_days AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM completeness_days AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_sync_run_streams [worker]: as above.
DELETE FROM sync_run_streams AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM sync_run_streams AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_sync_runs [worker]: as above.
DELETE FROM sync_runs AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM sync_runs AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_alert_deliveries [worker]: as above.
DELETE FROM alert_deliveries AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM alert_deliveries AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_alerts [worker]: as above.
DELETE FROM alerts AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM alerts AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_bulk_operations [worker]: few rows.
DELETE FROM bulk_operations AS t WHERE t.tenant_id = $1;

-- erase_integration_tokens [worker]: few rows.
DELETE FROM integration_tokens AS t WHERE t.tenant_id = $1;

-- erase_counters [worker]: few rows.
DELETE FROM counters AS t WHERE t.tenant_id = $1;

-- erase_gaps [worker]: few rows.
DELETE FROM gaps AS t WHERE t.tenant_id = $1;

-- erase_integration_activity [worker]: few rows.
DELETE FROM integration_activity AS t WHERE t.tenant_id = $1;

-- erase_hook_watches [worker]: few rows.
DELETE FROM hook_watches AS t WHERE t.tenant_id = $1;

-- erase_api_usage [worker]: few rows.
DELETE FROM api_usage AS t WHERE t.tenant_id = $1;

-- erase_sync_streams [worker]: few rows.
DELETE FROM sync_streams AS t WHERE t.tenant_id = $1;

-- erase_sync_schedules [worker]: few rows.
DELETE FROM sync_schedules AS t WHERE t.tenant_id = $1;

-- erase_alert_rules [worker]: few rows.
DELETE FROM alert_rules AS t WHERE t.tenant_id = $1;

-- erase_alert_channels [worker]: few rows.
DELETE FROM alert_channels AS t WHERE t.tenant_id = $1;

-- erase_dead_letter_counts [worker]: few rows.
DELETE FROM dead_letter_counts AS t WHERE t.tenant_id = $1;

-- erase_tenant_snapshots [worker]: one row.
DELETE FROM tenant_snapshots AS t WHERE t.tenant_id = $1;

-- erase_integration_snapshots [worker]: few rows.
DELETE FROM integration_snapshots AS t WHERE t.tenant_id = $1;

-- erase_event_minutes [worker]: by their addresses, as above.
DELETE FROM event_minutes AS t WHERE t.tenant_id = $1
  AND t.ctid = ANY (ARRAY(SELECT r.ctid FROM event_minutes AS r WHERE r.tenant_id = $1 LIMIT $2));

-- erase_event_hours [worker]: a thousand rows or two.
DELETE FROM event_hours AS t WHERE t.tenant_id = $1;

-- erase_objective_states [worker]: one row.
DELETE FROM objective_states AS t WHERE t.tenant_id = $1;

-- close_integrations [worker]: the rows stay, because the ledger names them; their secrets go.
UPDATE tenant_integrations AS i
SET status = 'deleted', status_reason = NULL, sealed_credentials = NULL, accepted_accounts = '{}', updated_at = now(),
    revision = i.revision + 1
WHERE i.tenant_id = $1 AND (i.status <> 'deleted' OR i.sealed_credentials IS NOT NULL);

-- close_endpoints [worker]: nobody is to find them, and nothing of them can be opened any more.
UPDATE endpoints AS e
SET status = 'revoked', revoked_at = coalesce(e.revoked_at, now()), sealed_token = NULL, sealed_secrets = NULL,
    secret_hashes = '{}'
WHERE e.tenant_id = $1 AND (e.status = 'active' OR e.sealed_token IS NOT NULL OR e.sealed_secrets IS NOT NULL);

-- revoke_keys [worker]: those of this tenant alone: platform work.
UPDATE api_keys AS k SET revoked_at = now()
WHERE k.scope = 'tenant' AND k.scope_id = $1 AND k.revoked_at IS NULL;

-- remove_roles [worker]: people stay, with what they may do elsewhere: platform work.
DELETE FROM person_roles AS r WHERE r.scope = 'tenant' AND r.scope_id = $1;
