// Package fault breaks real servers and clients while people write to each
// other, and checks what the project promises: what was accepted arrives once,
// in the order of its sender, nothing is invented, and no server ever holds a
// readable text.
//
// The tests build omega and omegad and run them as processes: kill -9 at
// moments that a seed chooses, also with a file system on which that is a
// power cut (internal/crashfs), kill -9 of clients, servers in network
// namespaces with ways between them cut, full disks and full mailboxes, a
// schedule of all these and more over a cloud of distant servers, upgrades, and
// a canary in every text. Clients that are not killed run in the test process,
// through package client.
//
// The short form is part of make test. More kills, with programs that have the
// race detector in them, are a command of their own:
//
//	make chaos
//
// Every test prints its seed, and the same seed kills the same servers after
// the same times. What the machine does in between is its own.
package fault
