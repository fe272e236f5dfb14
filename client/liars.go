package client

import (
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

// maxLiars bounds what is remembered of servers that gave wrong octets: when there is
// more, this run begins anew.
const maxLiars = 1024

// A lie is a blob of which a server gave a wrong octet.
type lie struct {
	server omega.Fingerprint
	ref    media.Ref
}

// caught notes that a server gave a wrong octet of a blob: this run of the core does not
// ask it for that blob again. (spec/media.md, MEDIA-8)
func (c *Client) caught(server omega.Fingerprint, ref media.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.liars) >= maxLiars {
		clear(c.liars)
	}
	c.liars[lie{server, ref}] = true
}

// honest are those of the servers that gave no wrong octet of a blob yet.
func (c *Client) honest(servers []omega.Fingerprint, ref media.Ref) []omega.Fingerprint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(servers), func(s omega.Fingerprint) bool { return c.liars[lie{s, ref}] })
}

// nobodyLeft says why there is nobody to ask for a blob: there never was, or all of them
// gave wrong octets.
func nobodyLeft(named []omega.Fingerprint, ref media.Ref) error {
	if len(named) == 0 {
		return omega.Errorf(omega.CodeNotFound, "the message names no server that has the blob")
	}
	return fmt.Errorf("%w: every server that has blob %s gave a wrong octet", media.ErrWrong, ref.Name)
}
