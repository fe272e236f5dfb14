// Package canary has tests only: a whole cloud with its clients runs in a network
// namespace in which one listener plays the rest of the world, public key servers
// first of all. It wants to see look-ups there when somebody asked for them, and
// never a key that is sent. (spec/keys.md, KEYS-15)
package canary
