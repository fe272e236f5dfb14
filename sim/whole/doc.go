// Package whole tests everything together: real servers in this process on
// loopback, and real client cores in homes of their own. It has no code, only
// tests.
package whole
