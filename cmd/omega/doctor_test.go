package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// TestDiagnosis: everything that is wrong has an error of its own, in words.
func TestDiagnosis(t *testing.T) {
	home := []clientrpc.HomeStatus{{Attached: true}}
	problem := &clientrpc.Error{Code: clientrpc.CodeVerify, Doing: i18n.T("doing.check"), Why: i18n.T("why.connecting")}
	for _, tt := range []struct {
		name, code string
		st         clientrpc.StatusResult
	}{
		{"well", "", clientrpc.StatusResult{Online: true, Homes: home}},
		{"offline", clientrpc.CodeOffline, clientrpc.StatusResult{Homes: home}},
		{"another server", clientrpc.CodeVerify, clientrpc.StatusResult{Homes: home, Problem: problem}},
		{"home away", clientrpc.CodeOffline, clientrpc.StatusResult{Online: true, Homes: []clientrpc.HomeStatus{{Code: "unavailable"}}}},
		{"home silent", clientrpc.CodeOffline, clientrpc.StatusResult{Online: true, Homes: []clientrpc.HomeStatus{{}}}},
		{"clock", clientrpc.CodeRefused, clientrpc.StatusResult{Online: true, Homes: home, Skew: -time.Hour}},
		{"exposed", clientrpc.CodeHome, clientrpc.StatusResult{Online: true, Homes: home, Exposed: "/home/ann/.omega"}},
		{"expired", clientrpc.CodeKey, clientrpc.StatusResult{Online: true, Homes: home, Expires: time.Unix(1, 0)}},
	} {
		sick := diagnosis(&tt.st)
		if sick == nil && tt.code != "" || sick != nil && sick.Code != tt.code {
			t.Errorf("%s: %v, want code %q", tt.name, sick, tt.code)
			continue
		}
		var out bytes.Buffer
		a := &app{lang: i18n.Chinese, stdout: &out}
		b, err := json.Marshal(a.statusJSON(&tt.st, &clientrpc.HomesResult{}, sick))
		if err != nil || strings.Contains(string(b), `{"key":`) || sick != nil && !strings.Contains(string(b), sick.Why.In(i18n.Chinese)) {
			t.Errorf("%s: %s, %v", tt.name, b, err)
		}
		a.status(&tt.st, &clientrpc.HomesResult{Homes: []clientrpc.Home{{Server: home[0].Server, Name: "玉山"}}})
		if clock := strings.Contains(out.String(), "✓ 時鐘差"); clock && !tt.st.Online || strings.Contains(out.String(), "unavailable") || !strings.Contains(out.String(), "玉山") {
			t.Errorf("%s:\n%s", tt.name, out.String())
		}
	}
}
