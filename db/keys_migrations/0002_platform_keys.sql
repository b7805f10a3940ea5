-- Tenant 0 is the platform itself: its keys seal the addresses and names of the people who work with Acequia.

ALTER TABLE data_keys
    DROP CONSTRAINT data_keys_tenant_id_check,
    ADD CONSTRAINT data_keys_tenant_id_check CHECK (tenant_id >= 0);
