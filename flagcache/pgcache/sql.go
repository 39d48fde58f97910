package pgcache

import "strings"

// statements are the steps, each one statement: a row is locked, judged as it
// then is, and changed if the answer is ok, all before anybody else sees it.
type statements struct {
	record, load, insert, history, loadRevision               string
	acquire, renew, release, save, confirm, fail, reload, pin string
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

	head = `epoch = $5, seq = $6, revision = $7, etag = $8::text, fetched = $9::timestamptz, checked = $10::timestamptz, signature = $11::text,`

	// documentColumns are those of an entry in either table, but for its scope.
	documentColumns = `revision, epoch, seq, etag, fetched, checked, signature, schema, project, host, body`
)

const columns = `holder, lease_epoch, lease_expires, epoch, seq, revision, etag, fetched, checked, signature,
	failure_epoch, failure_seq, failure_cause, failure_count, failure_not_before, reload,
	pin_number, pin_revision, pin_by, pin_why, pin_at, pin_signature`

// step is what one statement does to the row r.
type step struct {
	missing string // the answer where there is no row
	answer  string // cases; ok lets the rest happen
	set     string
	quiet   bool   // nobody is notified
	also    string // further changes, as expressions of the WITH list
}

func (s step) sql(clock string) string {
	notify := `SELECT pg_notify($2::text, '') FROM u`
	if s.quiet {
		notify = `SELECT 1 WHERE false`
	}
	row := "scope, token, " + columns
	if s.also != "" {
		row = "*" // with the document; it is a reference until it is used
	}
	returning := "t." + strings.Join(strings.Fields(strings.ReplaceAll(columns, ",", " ")), ", t.")
	return strings.NewReplacer("{clock}", clock, "{missing}", s.missing, "{answer}", s.answer, "{set}", s.set, "{also}", s.also,
		"{notify}", notify, "{row}", row, "{columns}", columns, "{returning}", returning).Replace(`
	WITH c AS MATERIALIZED (SELECT {clock} AS now),
	r AS (SELECT {row} FROM hogflags_definitions WHERE scope = $1 FOR UPDATE),
	a AS MATERIALIZED (SELECT r.scope, (CASE {answer} END) AS answer FROM r, c),
	u AS (
		UPDATE hogflags_definitions t SET {set}
		FROM a, c WHERE t.scope = a.scope AND a.answer = 'ok'
		RETURNING {returning}
	), {also}
	n AS ({notify}),
	x AS (SELECT {columns} FROM u UNION ALL SELECT {columns} FROM r WHERE NOT EXISTS (SELECT FROM u))
	SELECT coalesce((SELECT answer FROM a), '{missing}'), c.now, (SELECT count(*) FROM n), x.*
	FROM c LEFT JOIN x ON true`)
}

// newStatements builds them on an expression for the time.
func newStatements(clock string) statements {
	build := func(s step) string { return s.sql(clock) }
	return statements{
		record: strings.NewReplacer("{clock}", clock, "{columns}", columns).Replace(`
	SELECT 'ok', c.now, 0::bigint, r.* FROM (SELECT {clock} AS now) c
	LEFT JOIN (SELECT {columns} FROM hogflags_definitions WHERE scope = $1) r ON true`),
		load: `SELECT schema, project, host, epoch, seq, revision, etag, fetched, checked, signature, body
	FROM hogflags_definitions WHERE scope = $1 AND epoch > 0`,
		insert: `INSERT INTO hogflags_definitions (scope) VALUES ($1) ON CONFLICT DO NOTHING`,

		history: `SELECT * FROM (SELECT epoch, seq, revision, etag, fetched, checked, signature, octet_length(body), NULL::timestamptz AS replaced
	FROM hogflags_definitions WHERE scope = $1 AND epoch > 0
	UNION ALL (SELECT d.epoch, d.seq, d.revision, d.etag, d.fetched, d.checked, d.signature, octet_length(d.body), d.replaced
	FROM hogflags_documents d JOIN hogflags_definitions r ON r.scope = d.scope
	WHERE d.scope = $1 AND NOT d.pinned AND d.revision IS DISTINCT FROM r.revision ORDER BY d.epoch DESC, d.seq DESC LIMIT ` + maxFormer + `)) v
	ORDER BY replaced IS NOT NULL, epoch DESC, seq DESC`,
		loadRevision: `SELECT schema, project, host, epoch, seq, revision, etag, fetched, checked, signature, body FROM (
		SELECT CASE WHEN pinned THEN 1 ELSE 3 END AS rank, ` + documentColumns + ` FROM hogflags_documents WHERE scope = $1 AND revision = $2
		UNION ALL SELECT 2, ` + documentColumns + ` FROM hogflags_definitions WHERE scope = $1 AND revision = $2 AND epoch > 0
	) d ORDER BY rank LIMIT 1`,

		acquire: build(step{
			missing: "no row",
			answer:  `WHEN ` + live + ` AND r.token <> $3::text AND r.lease_epoch >= $5::bigint THEN 'held' ELSE 'ok'`,
			set: `token = $3, holder = $4::text,
			lease_epoch = greatest(t.lease_epoch, t.epoch, $5, (extract(epoch FROM c.now) * 1000000)::bigint) + 1 + $6::bigint,
			lease_expires = c.now + $7::bigint * interval '1 microsecond'`,
		}),
		renew: build(step{
			missing: "not held",
			answer:  `WHEN ` + strings.NewReplacer("$3", "$2", "$4", "$3").Replace(holds) + ` THEN 'ok' ELSE 'not held'`,
			set:     `lease_expires = c.now + $4::bigint * interval '1 microsecond'`,
			quiet:   true,
		}),
		release: build(step{
			missing: "not held",
			answer:  `WHEN ` + strings.Replace(holds, "r.lease_epoch = $4::bigint", "$4::bigint IN (0, r.lease_epoch)", 1) + ` THEN 'ok' ELSE 'not held'`,
			set:     `token = '', lease_expires = NULL`,
		}),
		save: build(step{
			missing: "not held",
			answer:  admit + ` ELSE 'ok'`,
			set:     head + `schema = $12::integer, project = $13::text, host = $14::text, body = $15::bytea,` + forgive,
			also:    replace,
		}),
		confirm: build(step{
			missing: "not held",
			answer:  admit + ` WHEN r.epoch = 0 OR r.revision IS DISTINCT FROM $7 THEN 'body needed' ELSE 'ok'`,
			set:     head + forgive,
		}),
		fail: build(step{
			missing: "not held",
			answer: `WHEN NOT ` + holds + ` THEN 'not held'
			WHEN ($5::bigint, $6::bigint) <= (r.epoch, r.seq) OR (r.failure_epoch, r.failure_seq) > ($5, $6) THEN 'stale' ELSE 'ok'`,
			set: `failure_epoch = $5, failure_seq = $6, failure_cause = $7::text, failure_count = $8::integer, failure_not_before = $9::timestamptz`,
		}),
		reload: build(step{missing: "no row", answer: `WHEN true THEN 'ok'`, set: `reload = c.now`}),
		pin: build(step{
			missing: "no row",
			answer: `WHEN r.pin_number = $3::bigint AND r.pin_revision IS NOT DISTINCT FROM $4::bytea THEN 'done'
			WHEN $3 <= r.pin_number THEN 'stale' ELSE 'ok'`,
			set: `pin_number = $3, pin_revision = $4, pin_by = $5::text, pin_why = $6::text, pin_at = $7::timestamptz, pin_signature = $8::text`,
			also: `d AS (
		DELETE FROM hogflags_documents t USING u WHERE t.scope = $1 AND t.pinned AND t.revision IS DISTINCT FROM $4
	), p AS (
		INSERT INTO hogflags_documents (scope, pinned, ` + documentColumns + `)
		SELECT $1, true, $4, $9::bigint, $10::bigint, $11::text, $12::timestamptz, $13::timestamptz, $14::text, $15::integer, $16::text, $17::text, $18::bytea
		FROM u WHERE $4 IS NOT NULL
		` + overwrite + `
	),`,
		}),
	}
}

const maxFormer = "10" // flagcache.MaxFormer

const overwrite = `ON CONFLICT (scope, pinned, revision) DO UPDATE SET (epoch, seq, etag, fetched, checked, signature, schema, project, host, body, replaced) =
		(excluded.epoch, excluded.seq, excluded.etag, excluded.fetched, excluded.checked, excluded.signature, excluded.schema, excluded.project, excluded.host, excluded.body, excluded.replaced)`

// replace keeps the document of r, as it was, as a former one if the revision
// $7 is another, and lets go of the oldest and of the one that becomes current.
const replace = `d AS (
		DELETE FROM hogflags_documents t USING u, r WHERE t.scope = $1 AND NOT t.pinned AND r.revision IS DISTINCT FROM $7
		AND t.revision IS DISTINCT FROM r.revision AND (t.revision = $7 OR t.revision NOT IN (
			SELECT o.revision FROM hogflags_documents o
			WHERE o.scope = $1 AND NOT o.pinned AND o.revision <> $7 AND o.revision IS DISTINCT FROM r.revision
			ORDER BY o.epoch DESC, o.seq DESC LIMIT CASE WHEN r.epoch > 0 THEN ` + maxFormer + ` - 1 ELSE ` + maxFormer + ` END))
	), f AS (
		INSERT INTO hogflags_documents (scope, pinned, ` + documentColumns + `, replaced)
		SELECT $1, false, r.revision, r.epoch, r.seq, r.etag, r.fetched, r.checked, r.signature, r.schema, r.project, r.host, r.body, c.now
		FROM u, r, c WHERE r.epoch > 0 AND r.revision IS DISTINCT FROM $7
		` + overwrite + `
	),`
