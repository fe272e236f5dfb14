// Package virtual measures real servers on virtual time: whole nodes in one
// process, each with an operator of its own, on a network in memory with
// distances between all of them, which crash, fall silent, are cut off and lie.
// Times are exact and do not depend on the machine; what the processors do
// takes none. It has no code, only tests; `make bench-cloud` prints the figures
// of docs/benchmarks.md.
package virtual
