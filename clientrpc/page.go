package clientrpc

import "context"

// A Page asks for a part of a list. It is embedded by the parameters of calls that
// answer with lists of any length.
type Page struct {
	Count int    `json:"count,omitempty"` // at most so many entries; 0: as many as the core likes, at most PageMax
	Next  string `json:"next,omitempty"`  // of the part before; empty: the first one
}

// PageMax is the most entries of one part.
const PageMax = 200

// Behind makes p ask for the part behind another one.
func (p *Page) Behind(next string) { p.Next = next }

// A Rest is embedded by results that are parts of a list.
type Rest struct {
	Next string `json:"next,omitempty"` // for Page; empty: this was the last part
}

// More is Next.
func (r Rest) More() string { return r.Next }

// Each calls a method of lists for one part after the other, and do with each. What
// changes meanwhile may be left out or come twice: whoever must not miss it follows
// the events.
func Each[Req, Resp any, P interface {
	*Req
	Behind(string)
}, R interface {
	*Resp
	More() string
}](ctx context.Context, c Conn, m Method[Req, Resp], req Req, do func(Resp) error) error {
	for {
		resp, err := m.Call(ctx, c, req)
		if err != nil {
			return err
		}
		if err := do(resp); err != nil {
			return err
		}
		next := R(&resp).More()
		if next == "" {
			return nil
		}
		P(&req).Behind(next)
	}
}
