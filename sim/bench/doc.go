// Command bench measures messaging servers side by side: the peers that Debian
// packages (ejabberd, Prosody, mosquitto), a floor that only relays, and ours.
// Every server runs as a child process on loopback with TLS; the load
// generator is this process, on the same machine, so messages per server
// CPU-second say more than messages per second. docs/benchmarks.md tells the
// method and holds the figures.
//
// Modes:
//
//	thr      closed loop: pairs of users, a window of messages in flight per pair
//	rate     open loop at a fixed rate, latency counted from the scheduled time
//	offline  store for users who are away, fetch; then the same with kill -9 between
//	forward  messages from one neighbour to another, as fast as the server carries them
//	group    one message to many who are all connected: until stored, until everybody has it
//	idle     memory and login CPU of connections that do nothing
//
// A driver (driver.go) is all that a server needs to take part.
package main
