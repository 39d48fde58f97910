package pgcache

import "strings"

// statements are the steps, each one statement: a row is locked, judged as it
// then is, and changed if the answer is ok, all before anybody else sees it.
type statements struct {
	record, load, insert                                 string
	acquire, renew, release, save, confirm, fail, reload string
}

// What a statement says about the row r at the time c.now.
const (
	live = `coalesce(r.lease_expires > c.now AND r.lease_expires <= c.now + interval '60 seconds', false)`

	// With the token $3 and the epoch $4. Renew has them at $2 and $3.
	holds = `($3::text <> '' AND r.token = $3 AND r.lease_epoch = $4::bigint AND ` + live + `)`

	// A write of the observation ($5, $6) with the revision $7.
	admit = `WHEN NOT ` + holds + ` THEN 'not held'
		WHEN r.epoch = $5::bigint AND r.seq = $6::bigint AND r.revision IS NOT DISTINCT FROM $7::bytea THEN 'done'
		WHEN $5 <> $4 OR ($5, $6) <= (r.epoch, r.seq) THEN 'stale'`

	// An observation that is not older clears the failure.
	forgive = `
		failure_epoch = CASE WHEN (t.failure_epoch, t.failure_seq) > ($5, $6) THEN t.failure_epoch ELSE 0 END,
		failure_seq = CASE WHEN (t.failure_epoch, t.failure_seq) > ($5, $6) THEN t.failure_seq ELSE 0 END,
		failure_cause = CASE WHEN (t.failure_epoch, t.failure_seq) > ($5, $6) THEN t.failure_cause ELSE '' END,
		failure_count = CASE WHEN (t.failure_epoch, t.failure_seq) > ($5, $6) THEN t.failure_count ELSE 0 END,
		failure_not_before = CASE WHEN (t.failure_epoch, t.failure_seq) > ($5, $6) THEN t.failure_not_before END`

	head = `epoch = $5, seq = $6, revision = $7, etag = $8::text, fetched = $9::timestamptz, checked = $10::timestamptz,`
)

const columns = `holder, lease_epoch, lease_expires, epoch, seq, revision, etag, fetched, checked,
	failure_epoch, failure_seq, failure_cause, failure_count, failure_not_before, reload`

// newStatements builds them on an expression for the time.
func newStatements(clock string) statements {
	// missing is the answer where there is no row.
	build := func(missing, answer, set, notify string) string {
		return strings.NewReplacer("{clock}", clock, "{missing}", missing, "{answer}", answer, "{set}", set, "{notify}", notify, "{columns}", columns).Replace(`
	WITH c AS MATERIALIZED (SELECT {clock} AS now),
	r AS (SELECT scope, token, {columns} FROM hogflags_definitions WHERE scope = $1 FOR UPDATE),
	a AS MATERIALIZED (SELECT r.scope, (CASE {answer} END) AS answer FROM r, c),
	u AS (
		UPDATE hogflags_definitions t SET {set}
		FROM a, c WHERE t.scope = a.scope AND a.answer = 'ok'
		RETURNING {returning}
	),
	n AS ({notify}),
	x AS (SELECT {columns} FROM u UNION ALL SELECT {columns} FROM r WHERE NOT EXISTS (SELECT FROM u))
	SELECT coalesce((SELECT answer FROM a), '{missing}'), c.now, (SELECT count(*) FROM n), x.*
	FROM c LEFT JOIN x ON true`)
	}
	returning := "t." + strings.Join(strings.Fields(strings.ReplaceAll(columns, ",", " ")), ", t.")
	finish := func(s string) string { return strings.ReplaceAll(s, "{returning}", returning) }
	const (
		quiet = `SELECT 1 WHERE false`
		loud  = `SELECT pg_notify($2::text, '') FROM u`
	)
	return statements{
		record: strings.NewReplacer("{clock}", clock, "{columns}", columns).Replace(`
	SELECT 'ok', c.now, 0::bigint, r.* FROM (SELECT {clock} AS now) c
	LEFT JOIN (SELECT {columns} FROM hogflags_definitions WHERE scope = $1) r ON true`),
		load: `SELECT schema, project, host, epoch, seq, revision, etag, fetched, checked, body
	FROM hogflags_definitions WHERE scope = $1 AND epoch > 0`,
		insert: `INSERT INTO hogflags_definitions (scope) VALUES ($1) ON CONFLICT DO NOTHING`,

		acquire: finish(build("no row",
			`WHEN `+live+` AND r.token <> $3::text AND r.lease_epoch >= $5::bigint THEN 'held' ELSE 'ok'`,
			`token = $3, holder = $4::text,
			lease_epoch = greatest(t.lease_epoch, t.epoch, $5, (extract(epoch FROM c.now) * 1000000)::bigint) + 1 + $6::bigint,
			lease_expires = c.now + $7::bigint * interval '1 microsecond'`, loud)),
		renew: finish(build("not held",
			`WHEN `+strings.NewReplacer("$3", "$2", "$4", "$3").Replace(holds)+` THEN 'ok' ELSE 'not held'`,
			`lease_expires = c.now + $4::bigint * interval '1 microsecond'`, quiet)),
		release: finish(build("not held",
			`WHEN `+strings.Replace(holds, "r.lease_epoch = $4::bigint", "$4::bigint IN (0, r.lease_epoch)", 1)+` THEN 'ok' ELSE 'not held'`,
			`token = '', lease_expires = NULL`, loud)),
		save: finish(build("not held",
			admit+` ELSE 'ok'`,
			head+`schema = $11::integer, project = $12::text, host = $13::text, body = $14::bytea,`+forgive, loud)),
		confirm: finish(build("not held",
			admit+` WHEN r.epoch = 0 OR r.revision IS DISTINCT FROM $7 THEN 'body needed' ELSE 'ok'`,
			head+forgive, loud)),
		fail: finish(build("not held",
			`WHEN NOT `+holds+` THEN 'not held'
			WHEN ($5::bigint, $6::bigint) <= (r.epoch, r.seq) OR (r.failure_epoch, r.failure_seq) > ($5, $6) THEN 'stale' ELSE 'ok'`,
			`failure_epoch = $5, failure_seq = $6, failure_cause = $7::text, failure_count = $8::integer, failure_not_before = $9::timestamptz`, loud)),
		reload: finish(build("no row", `WHEN true THEN 'ok'`, `reload = c.now`, loud)),
	}
}
