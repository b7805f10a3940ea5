-- find_role [admin]: making the roles is idempotent.
SELECT 1 FROM pg_roles WHERE rolname = $1;

-- format_create_role [admin]: role commands take no parameters, so the server quotes their names for us.
SELECT format('CREATE ROLE %I NOINHERIT', $1::text);

-- format_login_role [admin]: the password travels as a SCRAM verifier and stands in no log in the clear.
SELECT format('ALTER ROLE %I LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD %L', $1::text, $2::text);

-- format_role_setting [admin]: limits of a role hold for every session, whatever the process forgets to set.
SELECT format('ALTER ROLE %I SET %I = %L', $1::text, $2::text, $3::text);

-- format_inherited_membership [admin]: the owner hands functions and the ledger to the roles that hold them.
SELECT format('GRANT %I TO %I WITH INHERIT TRUE, SET TRUE, ADMIN FALSE', $1::text, $2::text);

-- find_database [admin]: making the databases is idempotent.
SELECT 1 FROM pg_database WHERE datname = $1;

-- format_create_database [admin]: UTF-8 and byte order, whatever the cluster's defaults.
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''',
              $1::text, $2::text);

-- format_close_database [admin]: by default everybody may connect and create temporary tables.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1::text);

-- format_open_database [admin]: only the roles that work there may connect; a clone does not inherit this.
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', $1::text, $2::text);
