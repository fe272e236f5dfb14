package history

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var renew = flag.Bool("renew", false, "write newest.sql anew")

// TestNewest: a new database is what all schemas one after the other make of an empty one,
// its tables, their order, and the rows that are there from the beginning.
func TestNewest(t *testing.T) {
	files, err := schemaFiles()
	must(t, err)
	want := dump(t, func(tx *Tx) error { return tx.step(files, 0) })
	if *renew {
		must(t, os.WriteFile("newest.sql", []byte(want), 0o644))
		newest = want
	}
	if newest != want {
		t.Error("newest.sql is not what the schemas make: go test ./history -run TestNewest -renew")
	}
	if got := dump(t, func(tx *Tx) error { return tx.script("newest.sql", newest) }); got != want {
		t.Errorf("a new database has\n%s\nwant\n%s", got, want)
	}
}

// dump is a script that makes what fill makes of an empty database.
func dump(t *testing.T, fill func(*Tx) error) string {
	t.Helper()
	pool, err := openPool(filepath.Join(t.TempDir(), "x.db"), true, true)
	must(t, err)
	defer pool.Close()
	s := &session{}
	must(t, s.connect(t.Context(), pool))
	defer s.close()
	must(t, s.run(t.Context(), "BEGIN IMMEDIATE", nil, fill))
	var out strings.Builder
	out.WriteString("-- What the files in sql make, one after the other. Written by TestNewest -renew.\n")
	var tables []string
	for _, r := range strings3(t, s.conn, `SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
		AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid`) {
		fmt.Fprintf(&out, "%s;\n", r[2])
		if r[0] == "table" && !strings.HasPrefix(r[2], "CREATE VIRTUAL") {
			tables = append(tables, r[1])
		}
	}
	for _, name := range append(tables, "sqlite_sequence") {
		rows(t, s.conn, &out, name)
	}
	return out.String()
}

// chance are columns whose values are drawn, and how.
var chance = map[string]string{"delivery_token_mark.mark": "random()"}

// rows writes the rows of a table as statements.
func rows(t *testing.T, conn *sql.Conn, out *strings.Builder, table string) {
	t.Helper()
	var names, values []string
	for _, c := range strings3(t, conn, fmt.Sprintf(`SELECT name, '', '' FROM pragma_table_info('%s') ORDER BY cid`, table)) {
		names = append(names, c[0])
		value := fmt.Sprintf(`quote("%s")`, c[0])
		if how, drawn := chance[table+"."+c[0]]; drawn {
			value = "'" + how + "'"
		}
		values = append(values, value)
	}
	for _, r := range strings3(t, conn, fmt.Sprintf(`SELECT %s, '', '' FROM "%s" ORDER BY 1`, strings.Join(values, " || ', ' || "), table)) {
		fmt.Fprintf(out, "INSERT INTO %s (%s) VALUES (%s);\n", table, strings.Join(names, ", "), r[0])
	}
}

// strings3 reads rows of three texts.
func strings3(t *testing.T, conn *sql.Conn, query string) (out [][3]string) {
	t.Helper()
	list, err := conn.QueryContext(context.Background(), query)
	must(t, err)
	defer list.Close()
	for list.Next() {
		var r [3]string
		must(t, list.Scan(&r[0], &r[1], &r[2]))
		out = append(out, r)
	}
	must(t, list.Err())
	return out
}
