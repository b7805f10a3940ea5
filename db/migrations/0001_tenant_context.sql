-- The tenant context: a signed, transaction-local token says whose rows a statement may touch (design §5, P4).
--
-- `app.tenant_token` = v1|{scope}|{purpose}|{expires_at}|{key_id}|{hmac}; scope: a tenant id, or `platform`.
-- A custom setting is no secret and anybody may set it, so its content is signed: HMAC-SHA-256 from the built-in
-- sha256() over pads computed when the key was installed.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;

CREATE SCHEMA security;

CREATE TABLE security.token_keys (
    key_id       text PRIMARY KEY CHECK (key_id ~ '^[A-Za-z0-9_-]{1,32}$'),
    inner_pad    bytea NOT NULL CHECK (octet_length(inner_pad) = 64),
    outer_pad    bytea NOT NULL CHECK (octet_length(outer_pad) = 64),
    installed_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON security.token_keys TO acequia_security;
GRANT USAGE, CREATE ON SCHEMA security TO acequia_security;

-- Everything is written with its schema and the path is pinned with pg_temp last: with an empty path, temporary
-- objects come first, and one named like a type or function used here would run as this function's owner.
CREATE FUNCTION security.token_scope() RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token  pg_catalog.text := pg_catalog.current_setting('app.tenant_token', true);
    parts  pg_catalog.text[];
    signed pg_catalog.bytea;
    pads   security.token_keys;
BEGIN
    -- After a transaction that set it, a local setting reads as '' and not as NULL.
    IF token IS NULL OR token OPERATOR(pg_catalog.=) '' THEN
        RETURN NULL;
    END IF;
    parts := pg_catalog.string_to_array(token, '|');
    IF pg_catalog.octet_length(token) OPERATOR(pg_catalog.>) 300
            OR pg_catalog.cardinality(parts) OPERATOR(pg_catalog.<>) 6
            OR parts[1] OPERATOR(pg_catalog.<>) 'v1'
            OR parts[4] OPERATOR(pg_catalog.!~) '^[0-9]{1,12}$' THEN
        RAISE EXCEPTION 'tenant token refused: malformed' USING ERRCODE = '42501';
    END IF;
    SELECT k.* INTO pads FROM security.token_keys AS k WHERE k.key_id OPERATOR(pg_catalog.=) parts[5];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'tenant token refused: its key is not installed' USING ERRCODE = '42501';
    END IF;
    signed := pg_catalog.convert_to(pg_catalog.array_to_string(parts[1:5], '|'), 'UTF8');
    signed := pg_catalog.sha256(pads.outer_pad OPERATOR(pg_catalog.||)
              pg_catalog.sha256(pads.inner_pad OPERATOR(pg_catalog.||) signed));
    -- Hashes of the two are compared, so that the time taken says nothing about how much of a guess was right.
    IF pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.encode(signed, 'hex'), 'UTF8'))
            OPERATOR(pg_catalog.<>) pg_catalog.sha256(pg_catalog.convert_to(parts[6], 'UTF8')) THEN
        RAISE EXCEPTION 'tenant token refused: wrong signature' USING ERRCODE = '42501';
    END IF;
    IF parts[4]::pg_catalog.int8 OPERATOR(pg_catalog.<)
            pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::pg_catalog.int8 THEN
        RAISE EXCEPTION 'tenant token refused: expired' USING ERRCODE = '42501';
    END IF;
    IF parts[2] OPERATOR(pg_catalog.<>) 'platform' AND parts[2] OPERATOR(pg_catalog.!~) '^[1-9][0-9]{0,9}$' THEN
        RAISE EXCEPTION 'tenant token refused: unknown scope' USING ERRCODE = '42501';
    END IF;
    RETURN parts[2];
END $$;

CREATE FUNCTION security.current_tenant_id() RETURNS pg_catalog.int4
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    scope pg_catalog.text := security.token_scope();
BEGIN
    IF scope OPERATOR(pg_catalog.=) 'platform' THEN
        RETURN NULL;
    END IF;
    RETURN scope::pg_catalog.int4;
END $$;

CREATE FUNCTION security.is_platform() RETURNS pg_catalog.bool
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN security.token_scope() IS NOT DISTINCT FROM 'platform'::pg_catalog.text;
END $$;

REVOKE ALL ON FUNCTION security.token_scope(), security.current_tenant_id(), security.is_platform() FROM PUBLIC;
ALTER FUNCTION security.token_scope() OWNER TO acequia_security;
ALTER FUNCTION security.current_tenant_id() OWNER TO acequia_security;
ALTER FUNCTION security.is_platform() OWNER TO acequia_security;
REVOKE CREATE ON SCHEMA security FROM acequia_security;
