package node

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// A server says that its answers name what they answer, and that of others is
// what they sign: one that says so no more is an older one, one that nothing is
// known of is not.
func TestAnswersAreAnnounced(t *testing.T) {
	a := run(t, "")
	b := run(t, "[cloud]\nbootstrap = [\""+a.ServerAddress()+"\"]")
	await(t, "the servers know each other", time.Minute, func() bool {
		return a.cloud.Announcement(b.Fingerprint()) != nil && b.cloud.Announcement(a.Fingerprint()) != nil
	})
	if !a.answers(b.Fingerprint()) || !b.answers(a.Fingerprint()) || a.cloud.Announcement(b.Fingerprint()).Flags&mesh.FlagAnswers == 0 {
		t.Error("a server does not say that its answers name what they answer")
	}
	stranger, err := omega.ParseFingerprint("0123456789012345678901234567890123456789")
	if err != nil {
		t.Fatal(err)
	}
	if !a.answers(stranger) {
		t.Error("one that nothing is known of counts as older")
	}
	if err := b.cloud.Update(func(own *mesh.Announcement) { own.Flags &^= mesh.FlagAnswers }); err != nil {
		t.Fatal(err)
	}
	await(t, "the other has heard of it", time.Minute, func() bool { return !a.answers(b.Fingerprint()) })
}
