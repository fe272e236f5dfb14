// Package cloud makes one server part of the cloud: it runs package mesh over
// authenticated connections. It keeps links to some other servers, floods and
// stores announcements, and carries messages to any server: straight to it
// where it can be dialled, over the mesh otherwise.
//
// One goroutine, in Run, owns all state of the mesh (owner.go); everything
// else sends it events. What other goroutines need to route a message is
// published as an immutable table (table.go), so that forwarding takes no
// lock. The files, from the outside in:
//
//	config.go cloud.go surface.go   what callers see
//	forward.go packet.go            the path of a message
//	link.go                         one connection, and whether it is alive
//	owner.go neighbour.go dial.go   who is linked, who is dialled
//	announce.go flood.go exchange.go certs.go   what is said, and told on
//	state.go                        what the disk keeps
//
// (spec/cloud.md)
package cloud
