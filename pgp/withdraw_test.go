package pgp

import (
	"errors"
	"testing"
	"time"
)

func TestWithdrawal(t *testing.T) {
	a, b, other := newAccount(t, 1, 1), newAccount(t, 2, 1), newAccount(t, 3, 1)
	good := certifyFor(t, a, b)
	back, err := Withdraw(t.Context(), a.primary, b.cert, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyWithdrawal(back, a.cert, b.cert, testTime); err != nil {
		t.Error(err)
	}
	for name, row := range map[string]struct {
		err  error
		want error
	}{
		"of somebody else":                {VerifyWithdrawal(back, a.cert, other.cert, testTime), ErrSignature},
		"by somebody else":                {VerifyWithdrawal(back, other.cert, b.cert, testTime), ErrSignature},
		"from the future":                 {VerifyWithdrawal(back, a.cert, b.cert, testTime.Add(-time.Hour)), ErrPolicy},
		"a certification":                 {VerifyWithdrawal(good, a.cert, b.cert, testTime), ErrPolicy},
		"a withdrawal as a certification": {VerifyCertification(back, a.cert, b.cert, testTime), ErrPolicy},
		"cut short":                       {VerifyWithdrawal(back[:len(back)-1], a.cert, b.cert, testTime), ErrMalformed},
	} {
		if !errors.Is(row.err, row.want) {
			t.Errorf("%s: %v, want %v", name, row.err, row.want)
		}
	}
	said, err := ReadClaim(good)
	taken, err2 := ReadClaim(back)
	if err != nil || err2 != nil || said.Withdrawn || !taken.Withdrawn || said.Issuer != a.cert.Fingerprint() || taken.Issuer != said.Issuer {
		t.Fatalf("%+v, %v; %+v, %v", said, err, taken, err2)
	}
	later := Claim{said.Issuer, taken.Made.Add(time.Second), false}
	if !taken.Outdates(said) || said.Outdates(taken) || !later.Outdates(taken) || taken.Outdates(later) || taken.Outdates(taken) {
		t.Error("which one counts")
	}
}
