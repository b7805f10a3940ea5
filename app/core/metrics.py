"""The Prometheus metrics that several modules share. Labels never carry personal data, tokens or secrets."""

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
FRESHNESS_BUCKETS_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 21_600.0)

FRESHNESS_SECONDS = Histogram(
    "acequia_freshness_seconds",
    "From a change at the provider to the commit that makes it queryable",
    ["stream"],
    buckets=FRESHNESS_BUCKETS_S,
)
CHANGES = Counter(
    "acequia_changes", "Changes that live calls told first: queryable in time or late", ["tenant_type", "result"]
)
TENANTS = Gauge("acequia_tenants", "Tenants by health, that of their worst integration", ["health"])
QUEUE_WAITING = Gauge(
    "acequia_queue_waiting", "Events that wait, of the tenants with most of them and of all others", ["tenant_id"]
)
QUEUE_OLDEST_SECONDS = Gauge(
    "acequia_queue_oldest_seconds", "Age of the oldest event that waits, of the same tenants", ["tenant_id"]
)
DEAD_WAITING = Gauge("acequia_dead_letters_waiting", "Dead letters that nobody has looked after, of all tenants")
OBJECTIVES = Gauge("acequia_objectives", "Tenants with a freshness objective, by the burn that is on", ["burn"])
WATCHED_AGE_SECONDS = Gauge("acequia_watched_age_seconds", "Since all tenants' figures were put down last")
READY = Gauge("acequia_ready", "Whether a check of /readyz is fine, as of this scrape", ["check"])

EVENTS_SETTLED = Counter("acequia_events_settled", "Events with an outcome in the ledger", ["tenant_id", "outcome"])
EVENT_LATENCY_SECONDS = Histogram(
    "acequia_event_latency_seconds", "From acceptance to after COMMIT has returned", buckets=LATENCY_BUCKETS_S
)
EVENTS_RETRIED = Counter("acequia_events_retried", "Failures of an event's own", ["tenant_id", "reason"])
TENANTS_HELD = Counter("acequia_tenants_held", "Holds after a failure of the surroundings", ["tenant_id", "reason"])
SLICES = Counter("acequia_slices", "Slices drained, by how they ended", ["end"])
LEASES_EXPIRED = Counter("acequia_swept_tenants", "Tenants that a sweep looked at: expired leases and due retries")
MEMORY_LOSSES = Counter("acequia_queue_memory_losses", "Times that Redis was found to have lost its memory")
DRAINS_ACTIVE = Gauge("acequia_drains_active", "Slices being drained now")
API_CALLS = Counter("acequia_api_calls", "Calls to the API, by operation and status", ["operation", "status"])
PAGES_SHOWN = Counter("acequia_pages_shown", "Pages of the dashboard, by page and status", ["page", "status"])
BULK_LETTERS = Counter(
    "acequia_bulk_letters", "Dead letters that operations on many have handled", ["action", "outcome"]
)
SYNC_STEPS = Counter("acequia_sync_steps", "Steps of sync runs, by stream and how they ended", ["stream", "end"])
SYNC_OBJECTS = Counter("acequia_sync_objects", "Objects that syncs have listed and handled", ["stream"])
ALERTS_OPEN = Gauge(
    "acequia_alerts_open", "Open alerts by rule, of all tenants or of the platform", ["rule", "severity"]
)
ALERT_DELIVERIES = Counter(
    "acequia_alert_deliveries", "Messages about alerts, by channel and outcome", ["kind", "outcome"]
)
