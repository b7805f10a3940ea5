"""The receiver's Prometheus metrics. Labels: tenant ids, kinds and rules; never a token, an account or a secret."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter(
    "acequia_receiver_calls",
    "Calls by what became of them: accepted, ping, or the reason",
    ["tenant_id", "kind", "result"],
)
GROUP_EVENTS = Histogram(
    "acequia_receiver_group_events", "Events in one append", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
)
APPEND_SECONDS = Histogram(
    "acequia_receiver_append_seconds",
    "From sending an append to its confirmed fsync",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
APPEND_FAILURES = Counter("acequia_receiver_append_failures", "Appends without confirmation", ["code"])
EVENTS_WAITING = Gauge("acequia_receiver_events_waiting", "Accepted calls that wait for their append")
GAP_MARKS_PENDING = Gauge("acequia_receiver_gap_marks_pending", "Gap marks not yet written to Redis")
DIRECTORY_AGE_SECONDS = Gauge("acequia_receiver_directory_age_seconds", "Since the directory's version was last read")
CONNECTIONS_STALLED = Counter("acequia_receiver_connections_stalled", "Connections closed for a request half sent")
