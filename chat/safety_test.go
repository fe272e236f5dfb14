package chat

import (
	"regexp"
	"testing"

	"github.com/omega-im/omega"
)

// TestSafetyNumber compares with vectors that another program made. (CHAT-49)
func TestSafetyNumber(t *testing.T) {
	var v struct {
		Safety []struct {
			Accounts [2]omega.Fingerprint `json:"accounts"`
			Number   string               `json:"number"`
		} `json:"safety"`
	}
	readVectors(t, "contacts.json", &v)
	if len(v.Safety) < 3 {
		t.Fatalf("%d vectors", len(v.Safety))
	}
	form := regexp.MustCompile(`^\d{5}( \d{5}){11}$`)
	seen := map[string]bool{}
	for _, row := range v.Safety {
		a, b := SafetyNumber(row.Accounts[0], row.Accounts[1]), SafetyNumber(row.Accounts[1], row.Accounts[0])
		if a != row.Number || b != row.Number {
			t.Errorf("%v: %s and %s, want %s", row.Accounts, a, b, row.Number)
		}
		if !form.MatchString(a) || seen[a] {
			t.Errorf("%q", a)
		}
		seen[a] = true
	}
	number := v.Safety[0].Number
	for text, want := range map[string]bool{
		number: true, number[:35] + "\n" + number[36:]: true, "　" + number + "。": true, number[:70]: false, "": false, number[:70] + "X": false,
		"２" + number[1:]: number[0] == '2',
	} {
		if got := SameSafetyNumber(text, number); got != want {
			t.Errorf("%q is the same: %v", text, got)
		}
	}
	if SameSafetyNumber("", "") {
		t.Error("nothing is a number")
	}
}

func BenchmarkSafetyNumber(b *testing.B) {
	x, y := testAccount(b, 1), testAccount(b, 2)
	for b.Loop() {
		SafetyNumber(x, y)
	}
}
