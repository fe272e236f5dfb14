package site

import (
	"context"
	"flag"
	"image"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/omega-im/omega/internal/pagetest"
	"github.com/omega-im/omega/web"
)

var renew = flag.Bool("renew", false, "write the pictures of docs/pictures anew; they are to be looked at")

// pictures are committed: README shows them, and the pages have to look like them.
const pictures = "../../docs/pictures"

// How much of a picture may differ: a browser of another build draws edges of letters
// otherwise, and no more.
const (
	sameChannel = 40    // of 255 in each colour, which is not seen as a difference
	samePart    = 0.004 // of the points
)

// TestPictures takes pictures of the web face over a core whose people do not exist, and
// compares them with the committed ones; and asks every screen for what hinders people
// (axe) and for requests that leave the machine.
func TestPictures(t *testing.T) {
	t.Parallel()
	chromium, nodejs := pagetest.Need(t)
	noteChecks(t)
	noteFace(t)
	dir := *shots
	if dir == "" {
		dir = t.TempDir()
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	url := serveFixture(t, newFixture(t))
	run(t, nodejs, "pictures.mjs", map[string]any{"chromium": chromium, "shots": dir, "url": url, "now": fixtureNow.UnixMilli()}, nil, 6)
	if t.Failed() {
		return
	}
	for _, name := range []string{"desktop-light", "desktop-dark", "phone-light", "phone-dark"} {
		t.Run(name, func(t *testing.T) { compare(t, filepath.Join(dir, name+".png"), filepath.Join(pictures, name+".png")) })
	}
}

// compare asks whether a picture looks like the committed one, and whether the question
// would notice what is moved by four points.
func compare(t *testing.T, got, committed string) {
	if *renew {
		b, err := os.ReadFile(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(committed, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, b := readPicture(t, got), readPicture(t, committed)
	if part := differs(a, b, 0); part > samePart {
		t.Errorf("%.2f %% of %s differ from %s; look at both, and run make screenshots if it is meant so", 100*part, got, committed)
	}
	if part := differs(a, b, 4); part < 4*samePart {
		t.Errorf("moved by four points, only %.2f %% differ: the comparison is blind", 100*part)
	}
}

func readPicture(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return img
}

// differs is which part of the points of a, moved down by some, is seen to be other
// than in b: 0 to 1.
func differs(a, b image.Image, down int) float64 {
	if a.Bounds() != b.Bounds() {
		return 1
	}
	box, other := a.Bounds(), 0
	for y := box.Min.Y + down; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if !seenAlike(a, b, x, y-down, y) {
				other++
			}
		}
	}
	return float64(other) / float64(box.Dx()*(box.Dy()-down))
}

func seenAlike(a, b image.Image, x, ya, yb int) bool {
	r1, g1, b1, _ := a.At(x, ya).RGBA()
	r2, g2, b2, _ := b.At(x, yb).RGBA()
	for _, pair := range [][2]uint32{{r1, r2}, {g1, g2}, {b1, b2}} {
		if max(pair[0], pair[1])-min(pair[0], pair[1]) > sameChannel*257 {
			return false
		}
	}
	return true
}

// serveFixture serves the web face of a made-up core and returns an address that lets
// one browser in.
func serveFixture(t *testing.T, core *fixture) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(l.Addr().String(), web.Config{
		Core: core, Secret: make([]byte, web.SecretSize), Renew: func() ([]byte, error) { return make([]byte, web.SecretSize), nil }, Dir: filepath.Join(t.TempDir(), "files"),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.URL(l.Addr().String())
}
