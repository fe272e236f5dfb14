//go:build !race

package chat

const slow = false
