"""Every setting of every process, read once from the environment.

A setting's name, unit and default stand here and in docs/settings.md (a test compares the two). A secret may also
come from a file: `NAME_FILE` holds its path. An empty secret means disabled, never "matches anything".
"""

import os
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.core.errors import ConfigurationError


class Settings(BaseSettings):
    """All settings. Durations say their unit in the name; every limit has a default that suits two cores."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    environment: Literal["development", "production"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # Where things are. Each process gets only the URLs that are its own.
    database_url: SecretStr | None = Field(None, description="Postgres, as this process's own role")
    migration_database_url: SecretStr | None = Field(None, description="Postgres as owner; only `acequia db`")
    keys_database_url: SecretStr | None = Field(None, description="Wrapped data keys: another database and role")
    keystore_url: str | None = Field(None, description="Key-encryption keys: file:/path, mode 0600")
    redis_url: SecretStr | None = Field(None, description="The queue: appendonly, appendfsync always, noeviction")
    cache_redis_url: SecretStr | None = Field(None, description="Budgets, histograms; may be lost. REDIS_URL if unset")
    public_url: str | None = Field(None, description="https address under which providers reach the receiver")

    # Secrets shared by our own processes.
    tenant_token_key: SecretStr | None = Field(None, description="key id, colon, 64 hex digits: signs tenant tokens")
    endpoint_token_key: SecretStr | None = Field(None, description="64 hex digits: checksum of endpoint tokens")

    # Durability of an acknowledgement.
    redis_durability: Literal["aof", "provider"] = "aof"
    redis_replicas_confirmed: int = Field(0, ge=0, le=5, description="replicas that must have fsynced an append")
    redis_confirm_timeout_ms: int = Field(1_000, ge=10, le=4_000)

    # Receiver.
    receiver_host: str = "127.0.0.1"
    receiver_port: int = 8100
    body_bytes_max: int = Field(65_536, ge=1_024)
    request_read_timeout_s: float = Field(3.0, gt=0)
    receiver_connections_max: int = Field(4_096, ge=1)
    receiver_state_dir: Path | None = Field(None, description="folder where gap marks survive while Redis is away")
    endpoint_cache_ttl_ms: int = Field(900, ge=50, le=1_000)
    directory_poll_ms: int = Field(250, ge=20, le=500)
    signature_tolerance_s: int = Field(300, ge=1)
    append_events_max: int = Field(500, ge=1, description="events in one append script")
    append_waiting_max: int = Field(20_000, ge=100, description="accepted calls waiting for their append, per process")
    append_waiting_bytes_max: int = Field(67_108_864, ge=1_048_576, description="bytes of those calls' events")
    append_flushes_max: int = Field(2, ge=1, le=16, description="append round trips in flight at once, per process")
    refusals_kept: int = Field(50, ge=0, le=1_000, description="last refused calls of each tenant kept to be shown")

    # Web (API and dashboard) and the workers' health address.
    web_host: str = "127.0.0.1"
    web_port: int = 8000
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="proxies before the web processes: addresses or networks, by comma"
    )
    worker_health_host: str = "127.0.0.1"
    worker_health_port: int = 8200

    # API and access.
    api_body_bytes_max: int = Field(262_144, ge=1_024)
    api_rows_max: int = Field(1_000, ge=1, description="rows of one page, whatever a call asks for")
    api_cors_origins: str = Field(
        "", description="origins that browsers may call the API from, by comma; none if empty"
    )
    api_access_cache_ms: int = Field(500, ge=0, le=1_000, description="how long a checked key or session is trusted")
    api_rate_trial_per_s: float = Field(10.0, gt=0, description="calls a second of one trial tenant, all callers")
    api_rate_business_per_s: float = Field(50.0, gt=0, description="the same for a business tenant")
    api_rate_enterprise_per_s: float = Field(200.0, gt=0, description="the same for an enterprise tenant")
    api_rate_caller_per_s: float = Field(50.0, gt=0, description="calls a second of one key or person")
    api_rate_burst_s: float = Field(5.0, gt=0, description="seconds' worth of calls that may come at once")
    api_provider_calls_per_minute: int = Field(
        600, ge=10, description="calls to one provider account that API calls may cause, beside the live budget"
    )
    integrations_per_tenant_max: int = Field(100, ge=1, description="integrations of one tenant")
    api_failures_per_minute: int = Field(60, ge=1, description="calls with a wrong key or password, per address")
    login_tries_per_minute: int = Field(10, ge=1, description="logins tried at one person from one network address")
    session_idle_s: int = Field(1_800, ge=60)
    session_max_s: int = Field(43_200, ge=300)
    password_chars_min: int = Field(12, ge=8)
    api_keys_max: int = Field(100, ge=1, description="live API keys of one tenant, organization or the platform")
    invitation_days: int = Field(7, ge=1, le=90, description="how long an invitation can be accepted")
    people_max: int = Field(500, ge=1, description="people with a role in one tenant or organization")
    api_key_days_max: int = Field(3_650, ge=1, description="longest life that a key may be given")
    idempotency_hours: int = Field(24, ge=1, description="how long an answer is kept to be given again")
    idempotency_takeover_s: float = Field(
        120.0, gt=0, description="when a call that never ended may be repeated; longer than the longest call takes"
    )
    api_usage_flush_s: float = Field(2.0, gt=0, description="how often counted API calls are written to Postgres")

    # Processes, as they tell of themselves.
    process_beat_s: float = Field(
        2.0, ge=0.05, description="how often a process says that it is alive, and what it does"
    )
    process_life_s: float = Field(10.0, ge=0.2, description="how long after that it counts as alive")

    # Queue and drains.
    worker_group: str = "shared"
    queue_events_max: int = Field(1_000_000, ge=1, description="events waiting per tenant before calls are refused")
    drain_loops: int = Field(16, ge=1, description="tenants drained at once by one worker process")
    drain_slice_ms: int = Field(1_000, ge=50, le=2_000)
    drain_batch_events: int = Field(500, ge=1, le=5_000)
    commit_linger_ms: int = Field(50, ge=0, le=1_000)
    lease_ms: int = Field(15_000, ge=1_000)
    sweep_interval_s: float = Field(5.0, gt=0)
    sweep_tenants_max: int = Field(500, ge=1)
    bell_wait_s: float = Field(5.0, gt=0)
    reads_max: int = Field(4, ge=1, description="reads of an event before it is dead as one that stops its worker")
    tries_max: int = Field(8, ge=1, description="failures of its own before an event is dead")
    retry_base_s: float = Field(2.0, gt=0)
    retry_max_s: float = Field(600.0, gt=0)
    hold_min_s: float = Field(1.0, gt=0)
    hold_max_s: float = Field(60.0, gt=0)
    postpone_s: float = Field(30.0, gt=0, description="how long events of a paused integration wait before a look")
    park_margin_ms: int = Field(1_000, ge=0, description="added to a fetch's time-out before its events are due again")
    waiting_events_max: int = Field(
        100_000,
        ge=0,
        description="events of one tenant that wait for a paused integration; further hints become a gap",
    )
    event_wait_max_s: int = Field(14 * 86_400, ge=60, description="longest life of an event in the queue")
    stop_timeout_s: float = Field(8.0, gt=0, description="time a stopping process has to end its tasks")

    # Dashboard.
    dashboard_form_bytes_max: int = Field(262_144, ge=1_024, description="largest form that a page takes")

    # Batch and manual syncs.
    syncer_health_host: str = "127.0.0.1"
    syncer_health_port: int = 8400
    sync_loops: int = Field(4, ge=1, description="streams stepped at once by one syncer process")
    sync_loops_per_tenant: int = Field(2, ge=1, description="streams of one tenant stepped at once, all processes")
    sync_step_s: float = Field(8.0, gt=0, le=10, description="no page is begun after so long in one step")
    sync_poll_s: float = Field(1.0, gt=0, description="how often an idle syncer looks for work")
    sync_fetch_concurrency: int = Field(32, ge=1, description="documents of one stream fetched at once")
    sync_pages_ahead: int = Field(4, ge=1, description="pages of one stream being fetched or written at once")
    sync_failures_max: int = Field(30, ge=1, description="steps in a row that may fail before a stream does")
    sync_retry_min_s: float = Field(1.0, gt=0)
    sync_retry_max_s: float = Field(300.0, gt=0)
    sync_dead_max: int = Field(1_000, ge=1, description="documents of one stream that may be unusable before it fails")
    sync_trailing_days: int = Field(45, ge=1, description="recent creations that incremental runs list again")
    sync_trailing_every_h: float = Field(24.0, gt=0, description="how often a scheduled run lists them")
    sync_history_days: int = Field(
        730, ge=1, description="how far back a repair compares orders; of customers, the part cut into windows at once"
    )
    sync_window_days: int = Field(30, ge=1, description="days that a repair compares at once, if they are not too much")
    sync_window_rows_max: int = Field(20_000, ge=100, description="rows held of what a repair compares at once")
    sync_windows_ahead: int = Field(4, ge=1, description="such windows that a repair lists ahead")
    sync_repair_objects: int = Field(200, ge=1, description="differences fetched for one transaction of a repair")
    sync_repair_delay_s: float = Field(
        360.0, ge=0, description="from the mark of a gap to its repair; longer than lists lag"
    )
    sync_repair_retry_h: float = Field(
        6.0, ge=0, description="before a repair that failed or was cancelled begins by itself again"
    )
    sync_verify_every_h: float = Field(24.0, gt=0, description="how often every stream is compared with its provider")
    sync_missing_confirm_s: float = Field(
        10.0, ge=0, description="between the two times that a customer must be missing to count as deleted"
    )
    sync_deletions_max_percent: int = Field(
        10, ge=0, le=100, description="customers that one run may find deleted, beside a hundred of them"
    )
    sync_marks_days: int = Field(
        30, ge=2, description="how long a document that cannot be used is known, and makes no second dead letter"
    )
    sync_report_repair_days: int = Field(
        90,
        ge=1,
        le=1_095,
        description="days of a report that a repair reads again: as late as a conversion may be told",
    )
    sync_reports_at_once: int = Field(4, ge=1, description="reports of one stream being made by its provider at once")
    sync_runs_days: int = Field(90, ge=1, description="how long a run that has ended can be looked at")
    sync_niceness: int = Field(5, ge=0, le=19, description="by how much a syncer gives way to live work on its machine")

    # Syncs: schedules and progress.
    sync_jitter_hourly_s: int = Field(
        1_800, ge=0, le=3_599, description="hourly syncs begin spread over so many seconds of the hour"
    )
    sync_jitter_daily_s: int = Field(
        7_200, ge=0, le=21_600, description="the same for daily and weekly ones, behind 3 o'clock of the tenant"
    )
    sync_jitter_cron_s: int = Field(300, ge=0, le=300, description="the same for cron expressions")
    sync_full_retry_h: float = Field(
        24.0, ge=0, description="before a first sync that failed or was cancelled begins by itself again"
    )
    sync_starts_max: int = Field(200, ge=1, description="due syncs that one look starts; the next look goes on")
    sync_waiting_max: int = Field(20, ge=1, description="runs of one stream that may wait behind one another")
    sync_progress_interval_s: float = Field(1.0, ge=0.05, description="how often a stream of progress looks")
    sync_progress_stream_s: float = Field(
        300.0, gt=0, description="longest life of a stream of progress; whoever follows opens another"
    )
    sync_progress_streams_max: int = Field(100, ge=0, description="open streams of progress of one web process")
    sync_progress_streams_per_tenant_max: int = Field(20, ge=0, description="the same, about one tenant's runs")

    # Dead letters: groups, and operations on many of them.
    dead_groups_max: int = Field(200, ge=1, le=2_000, description="causes of dead letters that are shown of one tenant")
    dead_group_counted_max: int = Field(
        5_000, ge=1, description="letters counted of one cause; beyond, it is at least so many"
    )
    bulk_counted_max: int = Field(100_000, ge=1, description="letters that the estimate of an operation counts")
    bulk_operations_max: int = Field(5, ge=1, description="operations on many dead letters of one tenant at once")
    bulk_letters_per_step: int = Field(
        500, ge=1, le=2_000, description="letters replayed or discarded in one step; a cancellation waits for one step"
    )
    bulk_queue_events_max: int = Field(
        200, ge=1, description="events waiting in a tenant's queue up to which replays are added: live ones wait behind"
    )
    bulk_poll_s: float = Field(0.5, gt=0, description="how often an idle worker looks for such an operation")
    bulk_retry_s: float = Field(5.0, gt=0, description="before a step that failed is tried again")
    bulk_operations_days: int = Field(90, ge=1, description="how long an operation that has ended can be looked at")

    # Calls to providers.
    provider_connect_timeout_s: float = Field(2.0, gt=0)
    provider_call_timeout_s: float = Field(8.0, gt=0)
    provider_answer_bytes_max: int = Field(5_000_000, ge=1_024)
    fetch_concurrency_per_tenant: int = Field(48, ge=1)
    fetch_concurrency_per_process: int = Field(256, ge=1)
    vtex_url_template: str = "https://{account}.{environment}.com.br"
    vtex_calls_per_minute: int = Field(5_000, ge=1, description="budget per VTEX account, all work together")
    budget_live_reserve_percent: int = Field(20, ge=0, le=100, description="part of a budget only live work may use")
    budget_batch_floor_percent: int = Field(
        10, ge=1, le=100, description="least share of the budget that 429 answers, each halving it, leave to batch work"
    )
    budget_batch_recovery_percent: int = Field(10, ge=1, description="of that share, what comes back per minute")
    batch_budget_wait_s: float = Field(5.0, ge=0, description="longest wait of a batch call for its account's budget")
    vtex_index_lag_s: float = Field(300.0, ge=0, description="how far behind VTEX's lists and searches may be")
    vtex_scroll_documents: int = Field(1_000, ge=1, le=1_000, description="documents of one page of a scroll")
    vtex_scroll_window_documents: int = Field(
        20_000, ge=1, description="documents of one scroll: so many calls a lost scroll costs"
    )
    vtex_address_users: int = Field(25, ge=1, le=50, description="customers whose addresses one call asks for")
    vtex_address_calls: int = Field(8, ge=1, le=64, description="calls for addresses at once, per list's page")
    google_ads_url: str = "https://googleads.googleapis.com"
    google_oauth_url: str = "https://oauth2.googleapis.com/token"
    google_ads_version: str = Field("v25", pattern=r"^v[0-9]{2}$", description="of the API; one lives about a year")
    google_ads_calls_per_minute: int = Field(
        300, ge=1, description="budget per Google Cloud project (OAuth client), all its tenants together"
    )
    google_ads_rows_max: int = Field(200_000, ge=1, description="rows of one window of days; more is read in halves")
    google_ads_trailing_days: int = Field(30, ge=1, le=366, description="restated days that every run reads again")
    google_ads_window_days: int = Field(
        35, ge=1, le=366, description="days asked for at once; the trailing ones and two, as zones differ, are one call"
    )
    google_ads_history_days: int = Field(1_095, ge=1, description="days that a full run reads, if they are kept")
    facebook_url: str = "https://graph.facebook.com"
    facebook_version: str = Field("v25.0", pattern=r"^v[0-9]{2}\.[0-9]$", description="of the Graph API")
    facebook_calls_per_minute: int = Field(120, ge=1, description="budget per app and ad account, all work together")
    facebook_rows_max: int = Field(200_000, ge=1, description="rows of one window of days; more is read in halves")
    facebook_trailing_days: int = Field(28, ge=1, le=366, description="restated days that every run reads again")
    facebook_window_days: int = Field(15, ge=1, le=366, description="days asked for at once")
    facebook_history_days: int = Field(
        1_095, ge=1, le=1_120, description="days that a full run reads, if they are kept; Meta has 37 months"
    )
    facebook_report_wait_s: float = Field(900.0, gt=0, description="for a report of one day that is made for later")
    mercadolibre_url: str = "https://api.mercadolibre.com"
    mercadolibre_calls_per_minute: int = Field(80, ge=1, description="budget per application, all its sellers together")
    mercadolibre_index_lag_s: float = Field(
        7_200.0, ge=0, description="how far behind its list of orders may be; the list counts by the hour"
    )
    token_lease_s: float = Field(
        30.0, gt=0, description="of who refreshes tokens that are good once: longer than two calls with their waits"
    )
    token_wait_s: float = Field(20.0, ge=0, description="longest wait for somebody else's refresh")
    breaker_failures: int = Field(10, ge=1)
    breaker_open_s: float = Field(5.0, gt=0)

    # Credentials that are put to the test.
    entered_tokens_days: int = Field(
        7, ge=1, description="how long tokens of credentials are kept that were tested and that no integration uses"
    )
    credential_check_interval_s: int = Field(
        86_400, ge=3_600, description="how often a provider is asked until when credentials are valid"
    )
    credential_checks_per_minute: int = Field(30, ge=1, le=600, description="integrations asked about a minute")

    # The watchdog of providers' hooks.
    hook_check_interval_s: int = Field(
        6_000,
        ge=60,
        le=86_400,
        description="how often a hook is read back; within two hours, so that a shop where nothing happens is known to "
        "be current",
    )
    hook_checks_per_minute: int = Field(60, ge=1, le=600, description="hooks read back a minute, by all workers")
    test_events_per_minute: int = Field(
        6, ge=1, description="test events that people may send to the address of one integration"
    )
    hook_probes: bool = Field(True, description="send a test call through PUBLIC_URL with each check of a hook")
    hook_probe_wait_s: int = Field(300, ge=1, description="how long a test call may take to its ledger row")
    hook_silence_s: int = Field(
        1_800, ge=1, description="how long a hook may tell nothing after a batch found that an order changed"
    )

    # Alerts.
    dashboard_url: str | None = Field(
        None, description="address of the dashboard as people reach it, such as https://acequia.example/dashboard"
    )
    alert_language: Literal["es", "pt", "en"] = Field("en", description="of messages about the platform's own alerts")
    alert_repeat_h: float = Field(24.0, gt=0, description="how often an open warning is told again")
    alert_repeat_critical_h: float = Field(6.0, gt=0, description="the same for what is critical")
    alert_days: int = Field(90, ge=1, description="how long closed alerts and their messages can be looked at")
    alert_channels_max: int = Field(20, ge=1, description="channels of one tenant, or of the platform")
    alert_sends_max: int = Field(8, ge=1, description="messages about alerts being sent at once by one process")
    alert_send_timeout_s: float = Field(10.0, gt=0, le=30, description="longest time that sending one may take")
    alert_tries_max: int = Field(6, ge=1, description="tries before a message is given up")
    alert_retry_s: float = Field(30.0, gt=0, description="before the second try; each further pause is four times it")
    alert_failures_max: int = Field(5, ge=1, description="failures in a row by which a channel counts as failing")
    alert_private_targets: bool = Field(
        False, description="let messages go to private addresses and over plain http; only where all tenants are yours"
    )
    alert_mail_from: str | None = Field(None, description="sender of e-mails, such as Acequia <alerts@acequia.example>")
    smtp_url: SecretStr | None = Field(
        None, description="smtp://user:password@host:port, or smtps://; no e-mails without it"
    )
    smtp_starttls: Literal["required", "offered", "off"] = Field(
        "required", description="TLS over smtp://: always, when the server offers it, or never"
    )
    backup_max_age_h: float | None = Field(
        None, ge=0, description="age of a backup that is an alert; 0: not watched. Unset: 26 in production, else 0"
    )
    backup_verify_days: float | None = Field(
        None, ge=0, description="the same since one was last verified. Unset: 35 in production, else 0"
    )

    # Why attempts failed, kept in the cache to be shown.
    attempts_events_max: int = Field(
        10_000, ge=0, description="events of one tenant and day whose failed attempts are told one by one"
    )
    attempts_days: int = Field(7, ge=1, le=35, description="how long they are")
    search_kept_s: int = Field(900, ge=60, description="how long what a search by e-mail found can be looked at")

    # Health, freshness and objectives.
    watch_interval_s: int = Field(
        60, ge=1, le=60, description="how often all tenants' figures are read, judged and put down"
    )
    objective_within_s: float = Field(60.0, gt=0, description="age of a change at which it must be queryable")
    objective_enterprise_percent: float = Field(
        99.9, gt=0, lt=100, description="share of an enterprise tenant's changes that are so, a month (UTC)"
    )
    objective_business_percent: float = Field(
        99.0, gt=0, lt=100, description="the same of a business tenant's; a trial has no objective"
    )
    objective_late_min: int = Field(
        5, ge=1, description="late changes in a long window before a burn of the objective is on"
    )
    dead_rising_minutes: int = Field(60, ge=1, le=1_440, description="how far back dead letters count as made recently")
    metric_tenants_max: int = Field(
        100, ge=0, description="tenants that one process names in its metrics; the others count as `other`"
    )
    series_minutes_days: int = Field(2, ge=1, le=7, description="days for which figures are kept by minute")
    series_hours_days: int = Field(35, ge=32, le=400, description="days for which figures are kept by hour")

    # Reports.
    report_days_max: int = Field(366, ge=1, le=1_100, description="days that one report may span")
    report_rows_max: int = Field(
        1_000, ge=1, le=10_000, description="campaigns that one report shows, the dearest first"
    )

    # Storage.
    database_pool_max: int = Field(8, ge=1)
    statement_timeout_s: float = Field(15.0, gt=0)
    tenant_token_ttl_s: int = Field(120, ge=5)
    keys_cache_ttl_s: int = Field(300, ge=1)
    waiting_batch_customers: int = Field(
        500, ge=1, le=5_000, description="customers asked for per tenant and minute when a limit leaves room again"
    )
    waiting_ask_interval_s: float = Field(600.0, gt=0, description="before a customer that waits is asked for again")
    tenant_deletion_grace_days: int = Field(30, ge=1, le=365, description="from a confirmed deletion to the erasure")
    ledger_days: int = Field(30, ge=2, description="days a ledger row is kept; longer than EVENT_WAIT_MAX_S")
    memory_tick_s: float = Field(5.0, gt=0, description="how often the loss of Redis's memory is looked for")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, SecretFileSource(settings_cls)

    def get_url(self, name: str) -> str:
        """The value of a secret setting. Raises ConfigurationError naming the variable when it is not set."""
        value = getattr(self, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text:
            raise ConfigurationError(f"{name.upper()} is not set: this process needs it. See docs/settings.md.")
        return str(text)

    @property
    def backup_age_h_max(self) -> float:
        """0: backups are not watched."""
        return self.backup_max_age_h if self.backup_max_age_h is not None else 26.0 * self.is_production

    @property
    def backup_verify_days_max(self) -> float:
        """0: not watched."""
        return self.backup_verify_days if self.backup_verify_days is not None else 35.0 * self.is_production

    @property
    def is_production(self) -> bool:
        return self.environment == "production"


class SecretFileSource(PydanticBaseSettingsSource):
    """Reads `NAME_FILE` for every setting whose own variable is not set."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        del field
        path = os.environ.get(f"{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as error:
            name = f"{field_name.upper()}_FILE"
            raise ConfigurationError(f"{name} names {path}, which cannot be read: {error.strerror}.") from error

    def __call__(self) -> dict[str, Any]:
        values = (
            (name, self.get_field_value(field, name)[0]) for name, field in self.settings_cls.model_fields.items()
        )
        return {name: value for name, value in values if value is not None}


def read_settings(**overrides: Any) -> Settings:
    """Settings from the environment. Raises ConfigurationError naming every variable that is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(f"{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"Wrong settings: {problems}. See docs/settings.md.") from None


@cache
def get_settings() -> Settings:
    """The settings of this process, read the first time they are asked for."""
    return read_settings()
