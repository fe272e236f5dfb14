// Package churn simulates a cloud of thousands of servers, event by event, on
// virtual time: growth, churn, mass failures, splits, messages in flight and
// mailboxes. Every server decides with the code that real servers run (mesh:
// announcements, database, views, plans) and from what has reached it so far;
// the same seed gives the same report to the last bit, whatever the machine.
//
// The package knows nothing of packages cloud and node: what they do between
// mesh and the network (hold-downs, backoffs, pacing, timers) is modelled in
// server.go, dial.go and links.go with the same times. What is exact and what
// is approximated stands in docs/decisions/0012-simulated-databases.md.
//
// Churn one event at a time (turns.go) is checked by the ledger, change by
// change: docs/decisions/0015-churn-one-at-a-time.md.
//
// A reader begins with Run (run.go), then world.go.
package churn
