package main

import "context"

// A driver starts one kind of server and speaks its protocol.
type driver interface {
	// Describe tells what stands in the report's first columns. It fails when
	// the server is not installed.
	Describe(ctx context.Context) (description, error)

	// Start runs the server with its data in s.dir and with users 0 to users-1
	// able to log in. Start again in the same folder is a restart.
	Start(ctx context.Context, s *site, users int) (*process, error)

	// Dial connects over TLS, logs in and returns when messages for the user
	// reach the session, first those that waited. It may be called concurrently.
	Dial(ctx context.Context, user int) (session, error)
}

// A description says which promises a server's figures stand for.
type description struct {
	name       string
	version    string
	durability string // what is on stable storage when the sender is told so
	offline    bool   // keeps messages for users who are away
	accepts    bool   // tells the sender of each message, unasked, that it is taken over
	forwards   bool   // it is a forwarder
	groups     []int  // to how many users a part of a message to many goes, one row each; nil: its sessions are no groupers
}

// A session is one logged-in user. Send and Mark may be called while another
// goroutine is in Recv.
type session interface {
	// Send hands one message to the server and does not wait for an answer. It
	// keeps no reference to body, which is printable ASCII without markup.
	Send(to int, body []byte) error

	// Mark asks for an acceptance that covers everything sent so far, where the
	// protocol gives none per message. Elsewhere it does nothing.
	Mark() error

	// Recv waits for the next event. The event's body is valid until the next
	// call.
	Recv() (event, error)

	// Close drops the connection and ends a Recv.
	Close() error
}

// An event is a message that arrived, or the server's word that it took
// messages over.
type event struct {
	body     []byte // of a message for this user; nil in an acceptance
	accepted int    // how many sent messages, oldest first, this accepts
}
