package node

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/media/disk"
	"github.com/omega-im/omega/media/mediatest"
)

// What browsers get of a blob, and what they are told to do with it.
func TestServeBlob(t *testing.T) {
	store, err := disk.Open(disk.Config{Dir: "media", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	n := &Node{media: store}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /media/{name}", n.serveBlob)
	server := httptest.NewServer(mux)
	defer server.Close()

	put := func(begin string, size int) []byte {
		o := mediatest.Octets(uint64(size), size)
		copy(o, begin)
		now := time.Now()
		c := media.Claim{Account: mediatest.Account(1), Name: mediatest.NameOf(o), Size: int64(size), Issued: now, Until: now.Add(time.Hour)}
		st, err := store.Claim(t.Context(), c)
		for err == nil && !st.Stored {
			k := min(media.MaxPart, size-int(st.Offset))
			st, err = store.Append(t.Context(), c.Account, c.Name, st.Offset, o[st.Offset:int(st.Offset)+k])
		}
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	get := func(name, ranges string) (*http.Response, []byte) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/media/"+name, nil)
		if ranges != "" {
			r.Header.Set("Range", ranges)
		}
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, b
	}
	for _, row := range []struct{ begin, kind, disposition string }{
		{"\xff\xd8\xff", "image/jpeg", ""}, {"\x89PNG\x0d\x0a\x1a\x0a", "image/png", ""}, {"RIFF\x00\x00\x00\x00WEBPVP", "image/webp", ""},
		{"\x1aE\xdf\xa3", "video/webm", ""}, {"OggS\x00", "audio/ogg", ""},
		{"<html><script>", "application/octet-stream", "attachment"}, {"<?xml version=\"1.0\"?><svg/>", "application/octet-stream", "attachment"},
		{"%PDF-1.7", "application/octet-stream", "attachment"}, {"anything", "application/octet-stream", "attachment"},
	} {
		o := put(row.begin, 1000+len(row.begin))
		resp, b := get(mediatest.NameOf(o).String(), "")
		if resp.StatusCode != http.StatusOK || !bytes.Equal(b, o) {
			t.Fatalf("%q: %s, %d octets", row.begin, resp.Status, len(b))
		}
		for header, want := range map[string]string{
			"Content-Type": row.kind, "Content-Disposition": row.disposition, "X-Content-Type-Options": "nosniff", "Set-Cookie": "",
			"Content-Security-Policy": "default-src 'none'; sandbox", "ETag": fmt.Sprintf("%q", mediatest.NameOf(o)),
			"Cache-Control": "public, max-age=31536000, immutable", "Accept-Ranges": "bytes", "Referrer-Policy": "no-referrer",
		} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("%q: %s is %q, want %q", row.begin, header, got, want)
			}
		}
	}
	o := put("", 3*blobWindow+17)
	name := mediatest.NameOf(o).String()
	for _, at := range [][2]int{{0, 0}, {5, 99}, {blobWindow - 3, blobWindow + 3}, {10, len(o) - 1}} {
		resp, b := get(name, fmt.Sprintf("bytes=%d-%d", at[0], at[1]))
		if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(b, o[at[0]:at[1]+1]) {
			t.Errorf("range %v: %s, %d octets", at, resp.Status, len(b))
		}
	}
	if resp, b := get(name, ""); resp.StatusCode != http.StatusOK || !bytes.Equal(b, o) {
		t.Errorf("whole: %s, %d octets", resp.Status, len(b))
	}
	for path, want := range map[string]int{
		media.Hash{1}.String(): http.StatusNotFound, "..": http.StatusNotFound, "ABC": http.StatusBadRequest, name + "0": http.StatusBadRequest,
	} {
		if resp, _ := get(path, ""); resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
	if resp, _ := get(name, fmt.Sprintf("bytes=%d-", len(o))); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("behind its end: %s", resp.Status)
	}
}
