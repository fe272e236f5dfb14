package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

func TestPart(t *testing.T) {
	key := func(n *int) string { return fmt.Sprintf("%03d", *n) }
	for _, count := range []int{1, 2, 7, 0} {
		var got []int
		p := clientrpc.Page{Count: count}
		for parts := 0; ; parts++ {
			list := []int{5, 3, 9, 1, 7, 2}
			out, rest, err := part(list, p, key)
			must(t, err)
			if got = append(got, out...); rest.Next == "" {
				break
			}
			if p.Next = rest.Next; parts > 9 {
				t.Fatalf("no end with pages of %d", count)
			}
		}
		if !slices.Equal(got, []int{1, 2, 3, 5, 7, 9}) {
			t.Errorf("pages of %d: %v", count, got)
		}
	}
	// What names the next part is not there any more.
	_, rest, err := part([]int{1, 3, 5, 7}, clientrpc.Page{Count: 2}, key)
	must(t, err)
	out, _, err := part([]int{1, 2, 5, 7}, clientrpc.Page{Next: rest.Next}, key)
	if err != nil || !slices.Equal(out, []int{5, 7}) {
		t.Errorf("%v, %v", out, err)
	}
	_, _, err = part([]int{1}, clientrpc.Page{Next: "§"}, key)
	wantCode(t, "nonsense", err, clientrpc.CodeUsage)
}

// TestChatsInParts: pages of any size give the list as a whole, those on top first.
func TestChatsInParts(t *testing.T) {
	c := newFakeProxy(t).newCore(t)
	var ids []omega.ChatID
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		for i := range 9 {
			key := fmt.Sprint(i)
			n, err := tx.BeginImport("line", key, time.Now())
			if err == nil {
				_, err = tx.PutImported(n, []history.Imported{{Source: "line", Chat: key, Title: key, Key: key, Text: key, Time: time.Now()}})
			}
			if err != nil {
				return err
			}
			ids = append(ids, history.ImportedChat("line", key))
		}
		return nil
	}))
	slices.Reverse(ids) // the newest first
	for _, i := range []int{7, 2} {
		c.mustChange(t, chat.Setting{Name: chat.SettingTop, Subject: ids[i][:], Value: chat.Moment(time.Now())})
	}
	want := append([]omega.ChatID{ids[2], ids[7]}, slices.DeleteFunc(slices.Clone(ids), func(id omega.ChatID) bool { return id == ids[2] || id == ids[7] })...)
	for count := range 12 {
		var got []omega.ChatID
		must(t, clientrpc.Each(t.Context(), c, clientrpc.Chats, clientrpc.Page{Count: count}, func(r clientrpc.ChatsResult) error {
			if len(r.Chats) == 0 || count > 0 && len(r.Chats) > count {
				t.Errorf("%d chats in a page of %d", len(r.Chats), count)
			}
			for _, ch := range r.Chats {
				got = append(got, ch.ID)
			}
			return nil
		}))
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", count, got, want)
		}
	}
	for _, next := range []string{"x", "true.1", "true.1.1x", "1.1.1"} {
		_, err := clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{Next: next})
		wantCode(t, next, err, clientrpc.CodeUsage)
	}
}

func (c *Client) mustChange(t *testing.T, s chat.Setting) {
	t.Helper()
	must(t, c.change(t.Context(), s))
}

// TestLinesInPlace: lines that were noted stay where they are among the messages of the
// device that they are about.
func TestLinesInPlace(t *testing.T) {
	device, me := fp(7), fp(1)
	start := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	said := func(n uint32, minute int) clientrpc.Message {
		return clientrpc.Message{ID: omega.ID{byte(n)}, Device: device, Verified: true, Sequence: n, Time: start.Add(time.Duration(minute) * time.Minute)}
	}
	line := func(kind string, minute int, who omega.Fingerprint) clientrpc.Message {
		return clientrpc.Message{
			Device: device, Verified: true, Service: true, Kind: kind, Time: start.Add(time.Duration(minute) * time.Minute),
			About: []clientrpc.NamedAccount{{Account: who, This: who == me}},
		}
	}
	for _, tt := range []struct {
		name string
		page []clientrpc.Message
		want string
	}{
		{"an end", []clientrpc.Message{said(1, 0), said(2, 1), line(history.LineSecureEnded, 2, fp(7))}, "1 2 secure-ended"},
		{"somebody joined", []clientrpc.Message{said(1, 0), line(history.LineJoined, 1, fp(7)), said(3, 3), said(2, 2)}, "1 group-joined 2 3"},
		{"several", []clientrpc.Message{said(2, 0), line(history.LineJoined, 1, me), said(1, 2), line(history.LineRenamed, 3, fp(7))}, "1 group-joined 2 group-renamed"},
	} {
		inSequence(tt.page)
		var got []string
		for _, m := range tt.page {
			if m.Service {
				got = append(got, m.Kind)
				continue
			}
			got = append(got, fmt.Sprint(m.Sequence))
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
}
