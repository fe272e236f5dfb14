package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestSilentChatsAreNotListed: the devices of people who are in one group write to each
// other. Until one of them says something, or is a contact, or has a draft, no list has
// an empty chat with somebody whom the person does not know.
func TestSilentChatsAreNotListed(t *testing.T) {
	c, _ := newStillCore(t)
	carol := fp(1)
	id := omega.DirectChat(c.acc.Fingerprint, carol)
	put := func(n byte, what *chat.Content) {
		t.Helper()
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
			_, err := tx.PutMessage(&history.Row{Message: chat.Message{
				ID: omega.ID{n}, Chat: id, Peer: carol, From: carol, Device: carol, Sequence: uint32(n), Content: what, Transcript: []byte{n, '\n', '\n'},
			}})
			return err
		}))
	}
	listed := func(what string, want int) {
		t.Helper()
		list, err := clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{})
		must(t, err)
		_, one := clientrpc.OneChat.Call(t.Context(), c, clientrpc.ChatRef{Chat: id.String()})
		if len(list.Chats) != want || (one == nil) != (want > 0) {
			t.Errorf("%s: %d chats, want %d; the chat alone: %v", what, len(list.Chats), want, one)
		}
	}
	put(1, &chat.Content{Kind: chat.KindDelivered, Receipt: &chat.Receipt{Device: fp(4), UpTo: 1}})
	listed("operations of a group", 0)
	draft := func(text string) {
		t.Helper()
		_, err := clientrpc.SetChat.Call(t.Context(), c, clientrpc.SetChatParams{Chat: id.String(), Draft: &text})
		must(t, err)
	}
	draft("Hello Carol")
	listed("a draft", 1)
	draft("")
	listed("no draft", 0)
	put(2, chat.NewText("hello"))
	listed("a message", 1)
}
