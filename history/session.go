package history

import (
	"context"
	"database/sql"
	"fmt"
)

// A session is one connection with the statements that were prepared on it.
// One goroutine has it at a time.
type session struct {
	readOnly bool
	conn     *sql.Conn // nil until connect
	stmts    map[string]*sql.Stmt
}

func (s *session) connect(ctx context.Context, pool *sql.DB) error {
	if s.conn != nil {
		return nil
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	if s.readOnly {
		if _, err := conn.ExecContext(ctx, "PRAGMA query_only = on"); err != nil {
			conn.Close()
			return err
		}
	}
	s.conn, s.stmts = conn, make(map[string]*sql.Stmt)
	return nil
}

// patience sets for how many milliseconds others are waited for.
func (s *session) patience(ctx context.Context, ms int) error {
	if _, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout(%d)", ms)); err != nil {
		return fmt.Errorf("set the busy timeout: %w", wrap(err))
	}
	return nil
}

func (s *session) close() error {
	if s.conn == nil {
		return nil
	}
	for _, stmt := range s.stmts {
		stmt.Close()
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// prepare returns the statement of a query, which is a constant of this package.
func (s *session) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// A polled context is one that nobody waits for: SQLite asks it between steps
// whether it is over, and database/sql starts no goroutine for each query.
type polled struct{ context.Context }

func (polled) Done() <-chan struct{} { return nil }

// run runs fn between begin and COMMIT or ROLLBACK. The connection is out of
// the transaction afterwards whatever happens, a panic in fn included.
func (s *session) run(ctx context.Context, begin string, keys keyCache, fn func(*Tx) error) error {
	if _, err := s.conn.ExecContext(ctx, begin); err != nil {
		return fmt.Errorf("begin: %w", wrap(err))
	}
	ended := false
	defer func() {
		if !ended {
			// It may have ended by itself, for want of space or by an interrupt.
			s.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	tx := &Tx{ctx: polled{ctx}, session: s, keys: keys}
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.flush(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Nothing interrupts the commit: half of one there is not, but whoever asked
	// for it must know which.
	if _, err := s.conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", wrap(err))
	}
	ended = true
	for _, fn := range tx.after {
		fn()
	}
	return nil
}
