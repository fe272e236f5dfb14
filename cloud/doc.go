// Package cloud makes one server part of the cloud: it runs package mesh over
// authenticated connections. It keeps links to some other servers, floods and
// stores announcements, and carries messages to any server: straight to it
// where it can be dialled, over the mesh otherwise.
//
// One goroutine, in Run, owns all state of the mesh (owner.go); everything
// else sends it events. What other goroutines need to route a message is
// published as an immutable table (table.go), so that choosing a way takes no
// lock. A second goroutine, the courier, repeats and reroutes what is under
// way. The files, from the outside in:
//
//	config.go cloud.go surface.go   what callers see
//	forward.go packet.go route.go   the path of a message, and where it leads
//	custody.go window.go courier.go what is kept until the next server has it
//	letter.go score.go seal.go seen.go   from end to end: receipts, blame, proof, repetitions
//	link.go bulk.go circuit.go      one connection, the second one, and one by a relay
//	trace.go                        the way, as those on it answer
//	owner.go neighbour.go dial.go   who is linked, who is dialled
//	announce.go flood.go exchange.go certs.go   what is said, and told on
//	state.go                        what the disk keeps
//
// (spec/cloud.md)
package cloud
