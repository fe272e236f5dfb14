package client

import (
	"io"
	"strings"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

// TestWorks: what is under way says how far it is, and is gone at its end.
func TestWorks(t *testing.T) {
	c := &Client{}
	k, end := c.works.begin(clientrpc.WorkImport, "/a")
	_, endOther := c.works.begin(clientrpc.WorkExport, "/b")
	k.total.Store(10)
	if _, err := io.WriteString(k.writing(io.Discard), "abc"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(k.reading(strings.NewReader("0123456789")), make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	r, err := c.listWorks(t.Context(), clientrpc.None{})
	if err != nil || len(r.Works) != 2 || r.Works[0] != (clientrpc.Work{Kind: clientrpc.WorkImport, Path: "/a", Done: 7, Total: 10}) {
		t.Errorf("%+v, %v", r.Works, err)
	}
	end()
	if r, _ := c.listWorks(t.Context(), clientrpc.None{}); len(r.Works) != 1 || r.Works[0].Path != "/b" {
		t.Errorf("%+v", r.Works)
	}
	endOther()
}
