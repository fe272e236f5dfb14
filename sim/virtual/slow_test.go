package virtual

import (
	"context"
	"testing"
	"time"
)

// wake undoes silence: what was written meanwhile arrives.
func (s *server) wake() { s.each(s.w.net.Heal) }

// stutter has the server stand still for 300 to 800 ms again and again, for 50 ms
// in between, until ctx ends, as a machine does that has far too much to do.
func (s *server) stutter(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for ctx.Err() == nil {
		s.silence()
		time.Sleep(300*time.Millisecond + time.Duration(s.w.rng.IntN(500))*time.Millisecond)
		s.wake()
		time.Sleep(50 * time.Millisecond)
	}
}

// twice is how many packets were made, and how many of them went twice or came
// twice, at all servers.
func (w *world) twice() (packets, hedged, retried uint64) {
	for _, s := range w.servers {
		st := s.part.Stats()
		packets, hedged, retried = packets+st.Sent+st.Forwarded, hedged+st.Hedged, retried+st.Retried
	}
	return packets, hedged, retried
}

// TestSlowHome has the first of three homes do everything 300 to 800 ms late.
// Everything arrives, what is sent twice is little, and nobody takes the server
// for dead. (spec/cloud.md, CLOUD-46)
func TestSlowHome(t *testing.T) {
	inWorld(t, *seedFlag, func(w *world) {
		w.grow(*serversFlag)
		slow := w.servers[0]
		var streams []*stream
		for i := range 6 {
			s := w.servers[1+2*i%(len(w.servers)-4):]
			streams = append(streams, &stream{from: w.join(s[0], s[0]), to: w.join(s[1], slow, s[2], s[3])})
		}
		w.run(streams, pace, before, 20*time.Second)
		packets, hedged, retried := w.twice()
		ctx, stop := context.WithCancel(w.t.Context())
		done := make(chan struct{})
		go slow.stutter(ctx, done)
		w.run(streams, pace, 20*time.Second, 20*time.Second)
		stop()
		<-done
		took, lost := w.took(streams)
		p, h, r := w.twice()
		packets, hedged, retried = p-packets, h-hedged, r-retried
		t.Logf("%v; %d lost; %d packets, %d hedged, %d repeated", took, lost, packets, hedged, retried)
		if lost > 0 {
			t.Errorf("%d messages never came", lost)
		}
		if 10*(hedged+retried) > packets {
			t.Errorf("%d of %d packets went twice", hedged+retried, packets)
		}
		for _, s := range w.servers[1:] {
			if n := s.part.Stats().Silent; n > 0 {
				t.Errorf("%s took somebody for dead %d times", s.host, n)
			}
		}
	})
}
