package pgcache

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hogflags/hogflags/flagcache"
)

var _ flagcache.Diagnoser = (*Store)(nil)

// Diagnose looks at the server, at this user's rights and at the tables. It says
// a word on the channel.
func (s *Store) Diagnose(ctx context.Context) []flagcache.Finding {
	var found []flagcache.Finding
	add := func(check string, severity flagcache.Severity, fix, format string, args ...any) {
		found = append(found, flagcache.Finding{Check: check, Severity: severity, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	s.diagnoseServer(ctx, add)
	s.diagnoseTables(ctx, add)
	took, err := s.pushes(ctx)
	if err != nil {
		add("push", flagcache.SeverityWarning, "connect past a pooler in transaction mode; without LISTEN followers notice a change when they look", "%v", err)
	} else {
		add("push", flagcache.SeverityOK, "", "heard after %v", took.Round(time.Microsecond))
	}
	return found
}

type adder func(check string, severity flagcache.Severity, fix, format string, args ...any)

func (s *Store) diagnoseServer(ctx context.Context, add adder) {
	var version string
	var number, connections, limit int
	var replica bool
	var synchronous string
	err := s.pool.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int,
		pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('max_connections')::int,
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')`).Scan(&version, &number, &replica, &synchronous, &limit, &connections)
	switch {
	case err != nil:
		add("server", flagcache.SeverityError, "see the message", "%v", err)
		return
	case replica:
		add("server", flagcache.SeverityError, "connect to the primary: target_session_attrs=read-write in the URL finds it", "version %s, and a standby: nothing can be written there", version)
	case number < 120000:
		add("server", flagcache.SeverityError, "upgrade to Postgres 12 or later", "version %s", version)
	default:
		add("server", flagcache.SeverityOK, "", "version %s", version)
	}
	if synchronous == "off" {
		add("durability", flagcache.SeverityNote, "", "synchronous_commit is off: a crash of the server may lose the last fraction of a second, which the leader stores again")
	}
	if connections*10 > limit*9 {
		add("connections", flagcache.SeverityWarning, "raise max_connections, or put a pooler in between", "%d of %d are in use", connections, limit)
	} else {
		add("connections", flagcache.SeverityOK, "", "%d of %d are in use", connections, limit)
	}
}

func (s *Store) diagnoseTables(ctx context.Context, add adder) {
	for _, table := range []string{"hogflags_definitions", "hogflags_documents"} {
		var exists, mayRead, mayWrite, mayCreate bool
		var size int64
		err := s.pool.QueryRow(ctx, `SELECT t IS NOT NULL,
			coalesce(has_table_privilege(t, 'SELECT'), false),
			coalesce(has_table_privilege(t, 'INSERT') AND has_table_privilege(t, 'UPDATE'), false),
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
			coalesce(pg_total_relation_size(t), 0)
			FROM (SELECT to_regclass($1) AS t) x`, table).Scan(&exists, &mayRead, &mayWrite, &mayCreate, &size)
		switch {
		case err != nil:
			add("table", flagcache.SeverityError, "see the message", "%s: %v", table, err)
		case !exists && mayCreate:
			add("table", flagcache.SeverityError, "add create_table=true to the URL, or run flagcache/pgcache/schema.sql", "%s does not exist; this user may create it", table)
		case !exists:
			add("table", flagcache.SeverityError, "run flagcache/pgcache/schema.sql as a user who may create tables, then GRANT SELECT, INSERT, UPDATE, DELETE", "%s does not exist, and this user may not create it", table)
		case !mayRead:
			add("table", flagcache.SeverityError, "GRANT SELECT ON "+table, "this user may not read %s", table)
		case !mayWrite:
			add("table", flagcache.SeverityWarning, "GRANT INSERT, UPDATE, DELETE ON "+table+", unless this user is only to read", "this user may read %s, and not write it", table)
		default:
			add("table", flagcache.SeverityOK, "", "%s: this user may read and write it; %d kB with what was deleted and is not yet vacuumed", table, size>>10)
		}
	}
}

// pushes says something on the channel, which makes every member look, and
// waits until it is heard.
func (s *Store) pushes(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig.Copy())
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.channel}.Sanitize()); err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	began := time.Now()
	if _, err := s.pool.Exec(ctx, "SELECT pg_notify($1, '')", s.channel); err != nil {
		return 0, fmt.Errorf("notify: %w", err)
	}
	if _, err := conn.WaitForNotification(ctx); err != nil {
		return 0, fmt.Errorf("nothing is heard: %w", err)
	}
	return time.Since(began), nil
}
