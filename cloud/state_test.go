package cloud

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
)

// What is saved is what is read, and a damaged end costs only itself.
func TestStateSurvives(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		nodes[0].stop()
		whole := nodes[0].disk
		parts, err := decodeState(whole)
		if err != nil || len(parts) != 5 { // the database and four certificates
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		for _, row := range []struct {
			name string
			disk []byte
			want int // servers known before any connection
		}{
			{"whole", whole, 4}, // its own announcement is made anew
			{"cut", whole[:len(whole)-1], 3},
			{"other", []byte("something else"), 0},
			{"empty", []byte{}, 0},
		} {
			nd := n.add(0, nil)
			nd.disk = row.disk
			n.isolate(nd, true)
			nd.start()
			n.await(row.name, time.Second, func() bool { return len(nd.Servers()) == row.want+1 })
			nd.stop()
			n.isolate(nd, false)
		}
	})
}

func TestFailedSaveIsRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		failures := 2
		var saved []byte
		nd := n.add(0, func(cfg *Config) {
			cfg.Save = func(b []byte) error {
				if failures > 0 {
					failures--
					return errors.New("disk full")
				}
				saved = bytes.Clone(b)
				return nil
			}
		})
		nd.start()
		time.Sleep(3*saveInterval + time.Second)
		nd.stop()
		if saved == nil {
			t.Error("the state is not saved")
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	f.Add([]byte(stateLabel + "\x00\x00\x00\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, err := decodeState(b)
		total := len(stateLabel)
		for _, p := range parts {
			total += 4 + len(p)
		}
		if err == nil && total != len(b) {
			t.Errorf("%d octets read of %d", total, len(b))
		}
	})
}

func TestSecondRunIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nd := n.cloudOf(1, nil)[0]
		if err := nd.Run(nd.ctx); err == nil {
			t.Error("Run runs twice")
		}
		nd.stop()
		if err := nd.Update(func(*mesh.Announcement) {}); !errors.Is(err, ErrStopped) {
			t.Errorf("Update after the end: %v, want %v", err, ErrStopped)
		}
	})
}
