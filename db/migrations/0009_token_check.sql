-- The same check of a tenant's token for less. PL/pgSQL prepares each of its expressions anew in every transaction, some
-- forty of them here; one SQL expression is prepared once. What it does not take goes to `token_scope`, which says what is
-- wrong. Its names are bound when it is made, and the path is pinned all the same.

CREATE OR REPLACE FUNCTION security.current_tenant_id() RETURNS pg_catalog.int4
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT NULLIF(
        CASE WHEN NULLIF(pg_catalog.current_setting('app.tenant_token', true), '') IS NULL THEN NULL
        ELSE coalesce((
            SELECT pg_catalog.split_part(t.signed, '|', 2)
            FROM (SELECT pg_catalog.current_setting('app.tenant_token', true) AS token,
                         pg_catalog.left(pg_catalog.current_setting('app.tenant_token', true), -65) AS signed) AS t
            JOIN security.token_keys AS k ON k.key_id = pg_catalog.split_part(t.signed, '|', 5)
            -- Hashes of the two are compared, so that the time taken says nothing about how much of a guess was right.
            WHERE pg_catalog.sha256(pg_catalog.convert_to('|' || pg_catalog.encode(pg_catalog.sha256(k.outer_pad
                  || pg_catalog.sha256(k.inner_pad || pg_catalog.convert_to(t.signed, 'UTF8'))), 'hex'), 'UTF8'))
                = pg_catalog.sha256(pg_catalog.convert_to(pg_catalog."right"(t.token, 65), 'UTF8'))
              AND pg_catalog.starts_with(t.signed, 'v1|')
              AND pg_catalog.split_part(t.signed, '|', 4)::pg_catalog.int8
                >= pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::pg_catalog.int8
        ), security.token_scope()) END, 'platform')::pg_catalog.int4;
END;
