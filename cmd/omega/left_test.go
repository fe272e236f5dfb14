package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// TestNotYet: what was done and is not with others yet has the exit code of what is queued,
// and says how much waits and why, to people and to scripts; where nothing waits it is
// done.
func TestNotYet(t *testing.T) {
	for _, row := range []struct {
		name string
		n    int
		why  *clientrpc.Error
		exit int
		code string
		says string
	}{
		{"nothing waits", 0, &clientrpc.Error{Code: clientrpc.CodeOffline}, exitOK, "", ""},
		{"no connection yet", 1, nil, exitQueued, "offline", "還沒連上伺服器"},
		{"no server", 2, &clientrpc.Error{Code: clientrpc.CodeOffline, Why: i18n.T("why.notknown")}, exitQueued, "offline", i18n.T("why.notknown").In(i18n.Chinese)},
		{"a device that was revoked", 2, &clientrpc.Error{Code: clientrpc.CodeRefused, Why: i18n.T("why.notknown")}, exitRefused, "refused", i18n.T("why.notknown").In(i18n.Chinese)},
	} {
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			a := &app{json: asJSON, lang: i18n.Chinese, stdout: &out, stderr: &out}
			if got := a.fail(notYet(row.n, row.why)); got != row.exit {
				t.Errorf("%s, json %v: exit code %d, want %d", row.name, asJSON, got, row.exit)
			}
			if !strings.Contains(out.String(), row.says) || row.n == 0 && out.Len() > 0 {
				t.Errorf("%s, json %v: %q", row.name, asJSON, out.String())
			}
			if !asJSON || row.n == 0 {
				continue
			}
			var line struct {
				Error struct{ Code, Next string } `json:"error"`
			}
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Error.Code != row.code {
				t.Errorf("%s: %q: %v", row.name, out.String(), err)
			}
			if row.exit == exitQueued && !strings.Contains(line.Error.Next, i18n.T("next.left", row.n).In(i18n.Chinese)) {
				t.Errorf("%s: %q", row.name, line.Error.Next)
			}
		}
	}
}
