package i18n

import "testing"

// TestOfTrialClouds: what servers of a cloud on one machine call themselves is said in
// words, and what people wrote is theirs.
func TestOfTrialClouds(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"operator-3", "試用的營運者 3"}, {"operator-12", "試用的營運者 12"}, {"operator-", "operator-"}, {"operator-x", "operator-x"}, {"小明", "小明"}, {"", ""},
	} {
		if got := Operator(row.name, Chinese); got != row.want {
			t.Errorf("operator %q is %q, want %q", row.name, got, row.want)
		}
	}
	for _, row := range []struct{ name, want string }{{"loopback", "這部電腦"}, {"台北", "台北"}, {"", ""}} {
		if got := Site(row.name, Chinese); got != row.want {
			t.Errorf("site %q is %q, want %q", row.name, got, row.want)
		}
	}
}
