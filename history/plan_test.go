package history

import (
	"regexp"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/secure"
)

// slowStep is a step of a plan that reads a whole table, or a whole chat.
var slowStep = regexp.MustCompile(`^SCAN (m|message|seen|parked|outgoing|lane|peer|sending_key|mark|secure_waiting|secure_epoch|unsealed|prekey|succession)\b|^SEARCH (m|message|mark|k) .*\(chat=\?\)$`)

// openStep is a step that reads a chat from a place on, or up to it: what does not stop by
// itself reads a whole chat for each message that comes.
var openStep = regexp.MustCompile(`^SEARCH (m|message) .*\(chat=\? AND \w+[<>]\?\)$`)

// stops are queries that read the first rows of such a step.
var stops = regexp.MustCompile(`(?s)^SELECT.*(LIMIT|max\(|min\(|EXISTS)`)

// allowedStep reads only what it returns, or only the end of an index.
var allowedStep = regexp.MustCompile(`USING (COVERING )?INDEX message_mention |USING INDEX (message_unprinted|lane_missing)$|^SCAN parked$|USING COVERING INDEX message_(page|place) \(chat=\?\)$|^SEARCH m USING INDEX message_state \(chat=\?\)$|USING INDEX mark_pinned \(chat=\?\)$|^SEARCH mark USING COVERING INDEX sqlite_autoindex_mark_1 \(chat=\?\)$|^SEARCH message USING COVERING INDEX message_(page|sequence) `)

// allowedQuery are queries that read a whole table that is small, at a moment that is
// rare, or its beginning: what a stranger wrote is bounded, epochs are shut after a restore, prekeys are one stock per
// home, what waits is cut back when it is too much, and of what is to be sealed
// only scheduled texts and those of the other kind of chats are passed over.
var allowedQuery = regexp.MustCompile(`^SELECT count\(\*\), coalesce\(sum\(max\(length|^UPDATE secure_epoch SET shut = 1|^DELETE FROM prekey WHERE replaced|^SELECT EXISTS \(SELECT 1 FROM prekey\)|` +
	`^DELETE FROM secure_waiting WHERE position IN|FROM unsealed WHERE due <= \? AND chat (NOT )?IN .* LIMIT \?$`)

// TestPlans wants an index behind every query that a large history would make
// slow. It uses everything, and then asks SQLite how it did it.
func TestPlans(t *testing.T) {
	db := openTest(t)
	c, id := message(1, "").Chat, message(1, "").ID
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(message(1, "x"), message(1, "x"), mine(2, "x", "queued")))
		tx.Page(c, id, 5)
		tx.Unprinted(5)
		tx.Search("x", c, 5)
		tx.Search("x", omega.ChatID{}, 5)
		tx.Search("*", omega.ChatID{}, 5)
		tx.Find(&Query{Text: "x", Chat: c, From: fp(2), Since: testTime}, 5)
		tx.Count(&Query{Text: "x"})
		tx.From(c, testTime, 5)
		tx.BeginImport("line", "x", testTime)
		tx.PutImported(1, []Imported{imported(1, "x")})
		tx.Imports()
		tx.DropImport(1)
		tx.Days(c, testTime, testTime.AddDate(0, 1, 0))
		tx.Message(id)
		tx.MessageBySequence(c, fp(3), 1)
		tx.All(c, func(*Row) error { return nil })
		edit := operation(3, 2, &chat.Content{Kind: chat.KindEdit, Text: "y", Edit: &chat.Edit{Target: message(1, "x").Link(), Version: 1}})
		tx.do(edit, operation(4, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{{1}}}}),
			operation(5, 2, &chat.Content{Kind: chat.KindReaction, Reaction: &chat.Reaction{Target: message(1, "x").Link(), Version: 1, Emoji: []string{"推"}}}))
		tx.Linked(c, message(1, "x").Link())
		tx.InChat(c, id)
		tx.Expire(testTime, 5)
		tx.Pinned(c, 0, 5)
		tx.NextVersion(&chat.Mark{Chat: c})
		tx.do(operation(6, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{message(1, "x").Link()}}}))
		tx.SetPrinted([]int64{1})
		tx.WithID(id)
		tx.SetState(mine(2, "", "").ID, "stored", "")
		tx.MarkUpTo(c, fp(4), 5, []omega.ID{id}, "read")
		tx.Chats()
		tx.ChatsBehind(Place{}, 5)
		tx.Wrote(c)
		tx.Unread(c)
		tx.Standing(fp(77))
		tx.Placed(fp(77), fp(78), testTime)
		tx.Kept(c)
		for _, all := range []bool{false, true} {
			tx.Mentions(c, all, 0, 5)
			tx.Mentions(omega.ChatID{}, all, 0, 5)
		}
		tx.CountMentions(c)
		tx.CountShown(c)
		tx.Chat(c)
		tx.AddOutgoing(&Outgoing{Peer: fp(2)})
		tx.Outgoing(testTime, 0, 5)
		tx.RetryOutgoing(1, testTime, "")
		tx.RemoveOutgoing(1)
		tx.Park(&Parked{})
		tx.Parked(chat.Locator{1}, 5)
		tx.WantedKeys(5)
		tx.Unpark(1)
		tx.UnparkMessage(id, fp(2))
		tx.Delay(c, fp(3))
		tx.PutDelay(c, fp(3), Delay{})
		tx.PutKey(t.Context(), &chat.Key{})
		tx.Keys(t.Context(), chat.Locator{1})
		tx.PutTrack(t.Context(), &chat.Track{Device: fp(3)}, &chat.Sighting{Sequence: 1})
		tx.Track(t.Context(), omega.ChatID{}, fp(3))
		tx.Seen(t.Context(), omega.ChatID{}, fp(3), 1)
		tx.SignatureSeen(t.Context(), omega.ChatID{}, fp(3), [16]byte{})
		tx.Gaps(5)
		tx.PutPeer(&Peer{Fingerprint: fp(2), Certificate: []byte{1}})
		tx.called(fp(2), "x")
		tx.SecureEpochs(c)
		tx.HasLocator(secure.Locator{1})
		tx.ShutEpochs()
		tx.EpochPayloads(secure.Hash{1}, omega.Fingerprint{})
		tx.PutEpochPayloads(secure.Hash{1}, &EpochPayloads{})
		tx.AwaitSecure(&SecureWaiting{})
		tx.WaitingEpoch(secure.Locator{1}, 1, fp(2), 8)
		tx.WaitingMessages(fp(2))
		tx.DropWaiting(1)
		tx.DropEpochParts(secure.Locator{1})
		tx.DropMessage(id)
		tx.DropOldWaiting(testTime)
		tx.UnsealedIn(c, testTime)
		tx.UnsealedSecure(testTime, 5)
		tx.Unsealed(testTime, 5)
		tx.UnsealedTo(fp(2), testTime)
		tx.Scheduled(testTime)
		tx.RemoveUnsealed(id)
		tx.Prekeys([8]byte{1})
		tx.DropPrekey(secure.Hash{1})
		tx.UsePrekey(secure.Hash{1}, testTime)
		tx.DropUsedPrekeys(testTime)
		tx.ReplacePrekeys(fp(2), testTime, testTime)
		tx.DropOldPrekeys(testTime, testTime)
		tx.HasPrekeys()
		tx.CountPrekeys(fp(2), testTime)
		word := &chat.Word{Kind: chat.MarkVote, Version: 1, Target: chat.Link{9}, Account: fp(9)}
		tx.PutWord(word.Mark(c), fp(9))
		tx.PutUntoldWord(chat.Hash{1}, word.Mark(c))
		tx.SuccessionsTo(fp(2))
		tx.AnsweredLate(word.Own(c))
		tx.SaidLate(word.Own(c))
		tx.OwnWords(c, fp(9), 5)
		tx.OwnWordsOf(c, word.Target, fp(9))
		tx.LatestWords(c, 5)
		tx.UntoldWords(fp(9), true, 5)
		tx.WordWaits(chat.Hash{1}, word.Mark(c))
		tx.WordTold(chat.Hash{1}, word.Mark(c))
		tx.WordsOf(c, word.Target, 5)
		tx.PutDueBy(chat.Hash{1}, fp(9), testTime)
		tx.Dues()
		tx.CountWords(chat.Hash{1}, &Row{Message: chat.Message{Chat: c, Content: chat.NewText("x")}, Ref: word.Target, marks: markedCounts}, func(*chat.Subscriber, time.Time) bool { return true })
		tx.dress([]Row{{Ref: word.Target, marks: markedCounts}})
		if len(tx.session.stmts) < 60 {
			t.Errorf("only %d queries were used", len(tx.session.stmts))
		}
		for query := range tx.session.stmts {
			if allowedQuery.MatchString(query) {
				continue
			}
			for _, step := range explain(t, tx, query) {
				if slowStep.MatchString(step) && !allowedStep.MatchString(step) {
					t.Errorf("%s\n\t%s", query, step)
				}
				if openStep.MatchString(step) && !stops.MatchString(query) {
					t.Errorf("%s\n\t%s: nothing ends it", query, step)
				}
			}
		}
		return nil
	})
}

// explain returns the steps of a query's plan.
func explain(t *testing.T, tx *Tx, query string) (plan []string) {
	t.Helper()
	rows, err := tx.session.conn.QueryContext(tx.ctx, "EXPLAIN QUERY PLAN "+query)
	for args := []any{nil}; err != nil && len(args) < 30; args = append(args, nil) {
		rows, err = tx.session.conn.QueryContext(tx.ctx, "EXPLAIN QUERY PLAN "+query, args...)
	}
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var a, b, c int
		var detail string
		must(t, rows.Scan(&a, &b, &c, &detail))
		plan = append(plan, detail)
	}
	return plan
}
