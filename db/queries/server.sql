-- read_server_settings [operator]: doctor compares them with what a promise needs.
SELECT s.name, s.setting FROM pg_settings AS s WHERE s.name = ANY ($1::text[]);
