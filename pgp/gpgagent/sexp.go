package gpgagent

import (
	"bytes"
	"errors"
	"fmt"
)

const (
	// maxDepth limits nested lists; gpg-agent's signatures have three.
	maxDepth = 8

	// maxNodes limits atoms and lists together.
	maxNodes = 64
)

// errSexp is returned for octets that are no canonical S-expression.
var errSexp = errors.New("malformed S-expression")

// A node is an atom, or a list of nodes. (RFC 9804, section 4: canonical
// S-expressions; gpg-agent uses no display hints.)
type node struct {
	atom []byte // part of the parsed octets; nil for a list
	list []node
}

// parseSexp reads one list in canonical form and nothing after it.
func parseSexp(b []byte) (node, error) {
	p := sexpParser{rest: b, left: maxNodes}
	if len(b) == 0 || b[0] != '(' {
		return node{}, fmt.Errorf("%w: not a list", errSexp)
	}
	n, err := p.node(maxDepth)
	if err != nil {
		return node{}, err
	}
	if len(p.rest) != 0 {
		return node{}, fmt.Errorf("%w: %d octets after the end", errSexp, len(p.rest))
	}
	return n, nil
}

type sexpParser struct {
	rest []byte
	left int // nodes that may still come
}

func (p *sexpParser) node(depth int) (node, error) {
	if p.left--; p.left < 0 || depth == 0 {
		return node{}, fmt.Errorf("%w: too many or too deep lists", errSexp)
	}
	if p.rest[0] != '(' {
		return p.atom()
	}
	p.rest = p.rest[1:]
	n := node{list: []node{}}
	for len(p.rest) > 0 && p.rest[0] != ')' {
		child, err := p.node(depth - 1)
		if err != nil {
			return node{}, err
		}
		n.list = append(n.list, child)
	}
	if len(p.rest) == 0 {
		return node{}, fmt.Errorf("%w: list without an end", errSexp)
	}
	p.rest = p.rest[1:]
	return n, nil
}

// atom reads "<decimal length>:<octets>". The length has no leading zero.
func (p *sexpParser) atom() (node, error) {
	digits, _, ok := bytes.Cut(p.rest[:min(len(p.rest), 8)], []byte(":"))
	if !ok || len(digits) == 0 || digits[0] == '0' && len(digits) > 1 {
		return node{}, fmt.Errorf("%w: length of an atom", errSexp)
	}
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' {
			return node{}, fmt.Errorf("%w: length of an atom", errSexp)
		}
		n = n*10 + int(d-'0')
	}
	rest := p.rest[len(digits)+1:]
	if n > len(rest) {
		return node{}, fmt.Errorf("%w: atom of %d octets where %d are left", errSexp, n, len(rest))
	}
	p.rest = rest[n:]
	return node{atom: rest[:n:n]}, nil
}

// named reports whether n is a list that begins with the atom name, and returns
// what follows the atom.
func (n node) named(name string) ([]node, bool) {
	if len(n.list) == 0 || n.list[0].list != nil || string(n.list[0].atom) != name {
		return nil, false
	}
	return n.list[1:], true
}

// value returns the one atom of the list (name atom) among nodes.
func value(nodes []node, name string) ([]byte, error) {
	for _, n := range nodes {
		if args, ok := n.named(name); ok && len(args) == 1 && args[0].list == nil {
			return args[0].atom, nil
		}
	}
	return nil, fmt.Errorf("%w: no value %q", errSexp, name)
}
