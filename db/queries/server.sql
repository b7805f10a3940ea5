-- read_server_settings [operator, web]: doctor compares them with what a promise needs; the version is shown.
SELECT s.name, s.setting FROM pg_settings AS s WHERE s.name = ANY ($1::text[]);
