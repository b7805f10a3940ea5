-- insert_report [web, operator]: a backup that was made, or verified.
INSERT INTO backup_reports (report_id, kind, taken_at, verified_at, note, reported_by)
VALUES ($1, $2, $3, $4, $5, $6);

-- list_newest [web, operator, worker]: of each kind the newest backup, and the newest that was verified.
SELECT r.kind, max(r.taken_at) AS taken_at, max(r.verified_at) AS verified_at FROM backup_reports AS r GROUP BY r.kind;

-- list_reports [web, operator]: newest first.
SELECT r.report_id, r.kind, r.taken_at, r.verified_at, r.note, r.reported_by, r.reported_at
FROM backup_reports AS r ORDER BY r.report_id DESC LIMIT $1;

-- forget_reports [worker]: old ones; of each kind the newest, and the newest that was verified, stay.
DELETE FROM backup_reports AS r WHERE r.reported_at < $1
  AND EXISTS (SELECT FROM backup_reports AS n WHERE n.kind = r.kind AND n.taken_at > r.taken_at)
  AND (r.verified_at IS NULL
       OR EXISTS (SELECT FROM backup_reports AS n WHERE n.kind = r.kind AND n.verified_at > r.verified_at));
