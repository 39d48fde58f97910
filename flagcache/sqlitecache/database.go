package sqlitecache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// database is the file at path, and the connections to it.
type database struct {
	path, scope string

	mu   sync.Mutex
	open *pools // nil before the first use, and after close
}

// pools are connections to one file. A single one writes, so that the writers
// of a process queue up without polling for a lock.
type pools struct {
	file          os.FileInfo
	reads, writes *sql.DB
}

func (p *pools) close() error { return errors.Join(p.reads.Close(), p.writes.Close()) }

// pools returns the connections to the file that is at the path now: SQLite
// would go on in one that was removed.
func (d *database) pools() (*pools, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, err := os.Stat(d.path)
	if d.open != nil {
		if err == nil && os.SameFile(now, d.open.file) {
			return d.open, nil
		}
		_ = d.open.close() // nobody else sees what is in there
		d.open = nil
	}
	if errors.Is(err, os.ErrNotExist) {
		if err = prepare(d.path); err == nil {
			now, err = os.Stat(d.path)
		}
	}
	if err != nil {
		return nil, err
	}
	opened, err := openPools(d.path)
	if err != nil {
		return nil, explain(d.path, err)
	}
	opened.file = now
	d.open = opened
	return opened, nil
}

func (d *database) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		return nil
	}
	err := d.open.close()
	d.open = nil
	return err
}

// A commit waits until the disk has it. SQLite waits for a lock whatever the
// context says, so it does that briefly: see patiently.
const settings = "?_busy_timeout=20&_synchronous=FULL&_defensive=1&_error_rc=1&_pragma=journal_size_limit(1048576)"

// openTimeout is what the first contact may wait for locks of others.
const openTimeout = 5 * time.Second

func openPools(path string) (*pools, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive
	}
	dsn := "file://" + (&url.URL{Path: path}).EscapedPath() + settings
	p := &pools{}
	for _, pool := range []struct {
		db  **sql.DB
		dsn string
		max int
	}{
		{&p.writes, dsn + "&_txlock=immediate", 1},
		{&p.reads, dsn, 4},
	} {
		c, err := sqlite.NewConnector(pool.dsn)
		if err != nil {
			return nil, err
		}
		*pool.db = sql.OpenDB(connector{c})
		(*pool.db).SetMaxOpenConns(pool.max)
		(*pool.db).SetMaxIdleConns(pool.max)
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if err := patiently(ctx, func() error { return initialise(ctx, p.writes) }); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// connector keeps the -wal and -shm files when the last process leaves: without
// them nobody could read the database in a folder that is read-only.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if f, ok := conn.(sqlite.FileControl); ok {
		if _, err := f.FileControlPersistWAL("main", 1); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

const (
	applicationID = 0x686f6766 // "hogf"
	schemaVersion = 1
)

const schema = `
	CREATE TABLE records (scope TEXT PRIMARY KEY, record BLOB NOT NULL);
	CREATE TABLE documents (scope TEXT, revision BLOB, body BLOB NOT NULL, PRIMARY KEY (scope, revision))`

// initialise makes the tables in an empty file.
func initialise(ctx context.Context, db *sql.DB) error {
	ours, err := identify(ctx, db)
	if ours || err != nil {
		return err
	}
	// A database changes to this mode once; readers then do not wait for writers.
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if ours, err := identify(ctx, tx); ours || err != nil {
		return err // another process was faster
	}
	for _, statement := range []string{
		schema,
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// identify reports whether the tables are there. Another application's database
// is an error.
func identify(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (ours bool, err error) {
	var id, version, tables int
	err = q.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&id, &version, &tables)
	switch {
	case err != nil:
		return false, err
	case id == 0 && tables == 0:
		return false, nil
	case id != applicationID:
		return false, errors.New("it is another application's database: name a file of its own")
	case version != schemaVersion:
		return false, fmt.Errorf("its schema is of version %d, this program knows %d: upgrade this process, or name another file", version, schemaVersion)
	}
	return true, nil
}
