package targets

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/uuid"

	"aictl/sinks"
)

// mySQL writes into one table of a MySQL or MariaDB database.
type mySQL struct {
	cfg    *mysql.Config
	table  string
	db     *sql.DB
	packet int64 // the longest statement the server takes, in bytes
}

// mysqlVersion is the version of the schema below; it stands in the table's comment.
const mysqlVersion = 1

const mysqlTable = "CREATE TABLE IF NOT EXISTS `%s` (" + `
  id BINARY(16) NOT NULL PRIMARY KEY,
  service VARCHAR(255) NOT NULL, release_id VARCHAR(255) NOT NULL, instance VARCHAR(255) NOT NULL, source VARCHAR(32) NOT NULL,
  session TEXT NOT NULL, user_name TEXT NOT NULL, model TEXT NOT NULL, trace_id VARCHAR(255) NOT NULL,
  method VARCHAR(255) NOT NULL, path MEDIUMTEXT NOT NULL, query MEDIUMTEXT NOT NULL, remote VARCHAR(255) NOT NULL,
  status INT NOT NULL, started_at DATETIME(6) NOT NULL, first_byte_us BIGINT NOT NULL, duration_us BIGINT NOT NULL,
  ended VARCHAR(32) NOT NULL, error MEDIUMTEXT NOT NULL, cached BOOLEAN NOT NULL, tags LONGTEXT,
  request_header LONGTEXT, request_size BIGINT NOT NULL, request_sha256 BINARY(32), request_body LONGBLOB, request_state VARCHAR(32) NOT NULL, request_ref VARCHAR(255) NOT NULL,
  response_header LONGTEXT, response_size BIGINT NOT NULL, response_sha256 BINARY(32), response_body LONGBLOB, response_state VARCHAR(32) NOT NULL, response_ref VARCHAR(255) NOT NULL,
  KEY service_time (service, started_at), KEY sessions (session(64))
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT 'aictl records, version %d'`

func newMySQL(u *url.URL) (*mySQL, error) {
	q := u.Query()
	name, err := tableOf(q)
	if err != nil {
		return nil, err
	}
	bad := errors.New("the URL is not one of MySQL or MariaDB (write mysql://user:password@host:3306/database?tls=true)")
	database := strings.TrimPrefix(u.Path, "/")
	if u.Host == "" || database == "" || strings.Contains(database, "/") {
		return nil, bad
	}
	// The driver's own parser knows its parameters and refuses those it does not know.
	cfg, err := mysql.ParseDSN("/?" + q.Encode())
	if err != nil {
		return nil, bad
	}
	cfg.Net, cfg.Addr, cfg.DBName = "tcp", u.Host, database
	if u.Port() == "" {
		cfg.Addr = u.Host + ":3306"
	}
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.InterpolateParams = true    // one way to the server instead of three
	cfg.MaxAllowedPacket = 0        // asked of the server
	cfg.Logger = &mysql.NopLogger{} // what it says is in the errors, too
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	return &mySQL{cfg: cfg, table: name}, nil
}

// Prepare implements sinks.Target. Two programs that begin at once are kept apart by a named lock.
func (m *mySQL) Prepare(ctx context.Context) error {
	connector, err := mysql.NewConnector(m.cfg)
	if err != nil {
		return err
	}
	m.db = sql.OpenDB(connector)
	m.db.SetMaxOpenConns(1)
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to MySQL: %w", err)
	}
	err = m.migrate(ctx, conn)
	if err == nil {
		err = conn.QueryRowContext(ctx, "SELECT @@max_allowed_packet").Scan(&m.packet)
	}
	return errors.Join(err, conn.Close())
}

func (m *mySQL) migrate(ctx context.Context, conn *sql.Conn) (err error) {
	lock := "aictl " + m.table
	if len(lock) > 64 {
		lock = lock[:64]
	}
	var had sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 30)", lock).Scan(&had); err != nil {
		return err
	}
	if had.Int64 != 1 {
		return fmt.Errorf("another program holds the lock %q for longer than 30 s", lock)
	}
	defer func() {
		_, unlockErr := conn.ExecContext(ctx, "DO RELEASE_LOCK(?)", lock)
		err = errors.Join(err, unlockErr)
	}()
	version, err := m.version(ctx, conn)
	switch {
	case err != nil:
		return err
	case version > mysqlVersion:
		return fmt.Errorf("table %s has version %d, this aictl knows %d: install the aictl that made it, or newer, or name another with table=", m.table, version, mysqlVersion)
	case version == mysqlVersion:
		return nil
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(mysqlTable, m.table, mysqlVersion)); err != nil {
		return fmt.Errorf("create table %s: %w", m.table, err)
	}
	return nil
}

func (m *mySQL) version(ctx context.Context, conn *sql.Conn) (int, error) {
	var comment string
	err := conn.QueryRowContext(ctx, "SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", m.table).Scan(&comment)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	version := 0
	if _, err := fmt.Sscanf(comment, "aictl records, version %d", &version); err != nil || version == 0 {
		return 0, fmt.Errorf("table %s exists and was not made by aictl: name another with table=", m.table)
	}
	return version, nil
}

// Write implements sinks.Target: one transaction, with as many rows in a statement as the server takes.
func (m *mySQL) Write(ctx context.Context, batch []*sinks.Record) error {
	err := m.inTransaction(ctx, func(tx *sql.Tx) error {
		for len(batch) > 0 {
			n := m.fitting(batch)
			if err := m.insert(ctx, tx, batch[:n]); err != nil {
				return err
			}
			batch = batch[n:]
		}
		return nil
	})
	if refusedByMySQL(err) {
		return fmt.Errorf("%w: %w", sinks.ErrRefused, err)
	}
	return err
}

func (m *mySQL) inTransaction(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if rollback := tx.Rollback(); !errors.Is(rollback, sql.ErrTxDone) && !errors.Is(rollback, mysql.ErrInvalidConn) {
			err = errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}

const (
	// rowOverhead is more than a row takes beside its texts and bodies, in bytes.
	rowOverhead = 2 << 10
	maxRows     = 500
)

// fitting is how many records go into one statement. Escaping may double every byte.
func (m *mySQL) fitting(batch []*sinks.Record) int {
	var size int64
	for i, r := range batch {
		size += rowOverhead + 2*int64(len(r.Request.Data)+len(r.Response.Data)+len(r.Path)+len(r.Query)+len(r.Error))
		for _, h := range []map[string][]string{r.Exchange.Request.Header, r.Exchange.Response.Header} {
			for name, values := range h {
				for _, v := range values {
					size += 2 * int64(len(name)+len(v)+8)
				}
			}
		}
		if i > 0 && (size > m.packet*3/4 || i == maxRows) {
			return i
		}
	}
	return len(batch)
}

func (m *mySQL) insert(ctx context.Context, tx *sql.Tx, rows []*sinks.Record) error {
	one := "(" + strings.Repeat("?, ", len(columns)-1) + "?)"
	text := "INSERT INTO `" + m.table + "` (" + strings.Join(columns, ", ") + ") VALUES " +
		strings.Repeat(one+", ", len(rows)-1) + one + " ON DUPLICATE KEY UPDATE id = id"
	args := make([]any, 0, len(rows)*len(columns))
	for _, r := range rows {
		id, err := uuid.Parse(r.ID)
		if err != nil {
			return fmt.Errorf("record %s: %w", r.ID, err)
		}
		row, err := values(id[:], r)
		if err != nil {
			return fmt.Errorf("record %s: %w", r.ID, err)
		}
		args = append(args, row...)
	}
	_, err := tx.ExecContext(ctx, text, args...)
	return err
}

// refusedByMySQL knows the errors that the data itself causes: too long, wrong, out of range, a statement above max_allowed_packet
// (https://mariadb.com/kb/en/mariadb-error-code-reference/).
func refusedByMySQL(err error) bool {
	if errors.Is(err, mysql.ErrPktTooLarge) {
		return true
	}
	var refused *mysql.MySQLError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Number {
	case 1105: // unknown error, which a parameter above max_allowed_packet also is
		return strings.Contains(refused.Message, "max_allowed_packet")
	case 1048, 1118, 1153, 1264, 1265, 1292, 1366, 1406, 3140, 4025:
		return true
	}
	return false
}

// Close implements sinks.Target.
func (m *mySQL) Close() error {
	if m.db == nil {
		return nil
	}
	err := m.db.Close()
	m.db = nil
	return err
}
