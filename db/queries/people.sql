-- insert_person [web, operator]: platform work; an address that is there already is told by the unique index.
INSERT INTO people (person_id, email_index, sealed, password_hash, is_platform_admin, language)
VALUES ($1, $2, $3, $4, $5, $6);

-- find_person [web, operator]: by id.
SELECT p.person_id, p.sealed, p.password_hash, p.is_platform_admin, p.status, p.session_epoch, p.language, p.created_at
FROM people AS p WHERE p.person_id = $1;

-- find_person_by_email [web, operator]: at a login, by the address's blind index.
SELECT p.person_id, p.sealed, p.password_hash, p.is_platform_admin, p.status, p.session_epoch, p.language, p.created_at
FROM people AS p WHERE p.email_index = $1;

-- list_people_of_scope [web, operator]: with the role each has there.
SELECT p.person_id, p.sealed, p.password_hash, p.is_platform_admin, p.status, p.session_epoch, p.language, p.created_at,
       r.role, r.sealed_name, r.created_at AS invited_at, r.accepted_at
FROM person_roles AS r JOIN people AS p ON p.person_id = r.person_id
WHERE r.scope = $1 AND r.scope_id = $2 ORDER BY r.created_at, r.person_id;

-- list_platform_admins [web, operator]: people who may do everything.
SELECT p.person_id, p.sealed, p.password_hash, p.is_platform_admin, p.status, p.session_epoch, p.language, p.created_at,
       'platform_admin' AS role, NULL::bytea AS sealed_name, p.created_at AS invited_at, p.created_at AS accepted_at
FROM people AS p WHERE p.is_platform_admin ORDER BY p.created_at, p.person_id;

-- list_roles_of_person [web, operator]: everything that one person may do, wherever; what they have accepted.
SELECT r.scope, r.scope_id, r.role FROM person_roles AS r
WHERE r.person_id = $1 AND r.accepted_at IS NOT NULL ORDER BY r.scope, r.scope_id;

-- invite [web, operator]: one role per person and scope. Asked again before it is accepted, only the newest code counts.
INSERT INTO person_roles AS r (person_id, scope, scope_id, role, sealed_name, code_hash, code_ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (person_id, scope, scope_id) DO UPDATE
SET sealed_name = EXCLUDED.sealed_name, code_hash = EXCLUDED.code_hash, code_ends_at = EXCLUDED.code_ends_at
WHERE r.accepted_at IS NULL AND r.role = EXCLUDED.role
RETURNING r.created_at;

-- find_invitation [web]: by the code, while it is good.
SELECT r.scope, r.scope_id, r.role FROM person_roles AS r
WHERE r.person_id = $1 AND r.code_hash = $2 AND r.code_ends_at > now();

-- accept_invitation [web]: of two who use one code at once, one.
UPDATE person_roles AS r SET accepted_at = now(), code_hash = NULL, code_ends_at = NULL
WHERE r.person_id = $1 AND r.code_hash = $2 AND r.code_ends_at > now() RETURNING r.scope, r.scope_id, r.role;

-- set_first_password [web]: of somebody who has none yet; of two at once, one.
UPDATE people AS p SET password_hash = $2, updated_at = now() WHERE p.person_id = $1 AND p.password_hash = ''
RETURNING p.person_id;

-- set_role [web, operator]: of somebody who has a role there.
UPDATE person_roles AS r SET role = $4 WHERE r.person_id = $1 AND r.scope = $2 AND r.scope_id = $3
RETURNING r.person_id;

-- remove_role [web, operator]: the person stays, and may stay elsewhere.
DELETE FROM person_roles AS r WHERE r.person_id = $1 AND r.scope = $2 AND r.scope_id = $3 RETURNING r.role;

-- lock_owners [web, operator]: two removals at once must not leave a scope without its last owner.
SELECT r.person_id FROM person_roles AS r
WHERE r.scope = $1 AND r.scope_id = $2 AND r.role = 'owner' AND r.accepted_at IS NOT NULL ORDER BY r.person_id FOR UPDATE;

-- find_role [web, operator]: of one person in one place.
SELECT r.role FROM person_roles AS r WHERE r.person_id = $1 AND r.scope = $2 AND r.scope_id = $3;

-- set_password [web, operator]: every session of the person ends with it.
UPDATE people AS p SET password_hash = $2, session_epoch = p.session_epoch + 1, updated_at = now()
WHERE p.person_id = $1 RETURNING p.person_id;

-- rehash_password [web]: the same password under today's parameters; sessions go on.
UPDATE people AS p SET password_hash = $3 WHERE p.person_id = $1 AND p.password_hash = $2;

-- set_person_status [operator]: a disabled person's sessions end.
UPDATE people AS p SET status = $2, session_epoch = p.session_epoch + 1, updated_at = now()
WHERE p.person_id = $1 RETURNING p.person_id;

-- count_people [web, operator]: so that a place's people have a limit.
SELECT count(*) FROM person_roles AS r WHERE r.scope = $1 AND r.scope_id = $2;

-- set_language [web, operator]: how pages speak to them; nobody's session ends by it.
UPDATE people AS p SET language = $2, updated_at = now() WHERE p.person_id = $1;
