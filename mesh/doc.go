// Package mesh is the cloud of servers as pure values: the signed link-state
// announcement of each server, the database of the newest announcement of
// everyone, the graph that the database describes, and the rules that say
// which links a server should make. It follows OSPF (RFC 2328) in words and
// in thought, with two differences: every announcement is signed by its
// origin, and neighbours are chosen, not wired.
//
// Nothing here opens a connection, reads a clock or makes up randomness. Time
// and randomness are arguments, signing and verification are functions that
// the caller passes in. Package cloud runs this package over connections.
//
// The flow of one announcement:
//
//	DB.Originate -> bytes -> (flooded by cloud) -> DB.Apply -> View -> SPF,
//	NextHopAvoiding, Split and Bypass (which way packets go),
//	Topology (what people are shown) and Plan (which links to make)
//
// A DB belongs to one goroutine. Records, Graphs, Views, Trees and Topologies
// are immutable once made and may be shared. (spec/cloud.md)
package mesh
