-- When the provider was last asked how long an integration's credentials are good: each day anew, by one worker.

ALTER TABLE tenant_integrations ADD COLUMN end_asked_at timestamptz;
GRANT UPDATE (credentials_expire_at, end_asked_at) ON tenant_integrations TO acequia_worker;
