package proxy

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// nobody is an account that does not exist.
func nobody(t *testing.T) omega.Fingerprint {
	var digest [20]byte
	_, _ = rand.Read(digest[:])
	fp, err := omega.FingerprintV4(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// toNobody is an envelope of a client to n accounts that do not exist.
func (c *testClient) toNobody(n int) []byte {
	env := wire.Envelope{Class: wire.ClassText, Sender: c.person.fp(), Payload: []byte("x")}
	_, _ = rand.Read(env.ID[:])
	for range n {
		env.Recipients = append(env.Recipients, nobody(c.t.(*testing.T)))
	}
	b, err := env.AppendTo(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// TestGreedyLookUps: neither a client nor another server that names crowds of
// strangers takes the look-ups of everybody else, and who was not looked for is
// not said to be unknown.
func TestGreedyLookUps(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, mallory := c.register(1, c.servers[0]), c.register(1, c.servers[0])
		bob := newPerson(t, 1)
		e := bob.entry(c.servers[2])
		if _, _, err := c.servers[2].keys.Accept(t.Context(), 0, e); err != nil {
			t.Fatal(err)
		}
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		m := newClient(mallory, 0).attach(c.servers[0], c.servers[0])
		synctest.Wait()
		c.mu.Lock()
		c.drop = func(_, to int, f wire.Frame) bool { return to == 1 && f.Type == wire.TypeFetch }
		c.mu.Unlock()
		var last uint32
		for range findSlots + 50 {
			last = m.start(wire.TypeSend, m.toNobody(3))
		}
		for range findSlots + 50 {
			frame := wire.AppendFrame(nil, wire.TypeSend, 7, m.toNobody(3))
			c.servers[0].proxy.Receive(t.Context(), c.servers[1].fp(), wire.ClassText, frame)
		}
		synctest.Wait()
		if f := a.request(wire.TypeLookup, bob.fp().Wire()); f.Type != wire.TypeEntry {
			t.Errorf("others look for strangers, and a friend is %v", wire.DecodeStatus(f.Body))
		}
		if code, _ := m.codes(m.answer(last)); code != omega.CodeRateLimited {
			t.Errorf("who was not looked for is %v", code)
		}
		time.Sleep(missMemory + time.Minute)
		finds := &c.servers[0].proxy.finds
		finds.mu.Lock()
		defer finds.mu.Unlock()
		if n := len(finds.askers); n != 0 {
			t.Errorf("%d askers are remembered", n)
		}
	})
}

// TestLookUpsAreRationed: who has others asked for what does not exist, one after the
// other, is soon told to wait, and the cloud hears no more of it; neither others nor
// what is known are affected. (spec/cloud.md, CLOUD-44)
func TestLookUpsAreRationed(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, mallory := c.register(1, c.servers[0]), c.register(1, c.servers[0])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		m := newClient(mallory, 0).attach(c.servers[0], c.servers[0])
		synctest.Wait()
		asked := 0
		c.mu.Lock()
		c.spy = func(from, _ int, f wire.Frame) {
			if from == 0 && f.Type == wire.TypeFetch {
				asked++
			}
		}
		c.mu.Unlock()
		burst := int(findRations[forAccount].burst)
		limited := 0
		for range 8 {
			_, results := m.sendCode(m.toNobody(omega.MaxRecipients))
			for _, r := range results {
				if r.Code == omega.CodeRateLimited {
					limited++
				}
			}
		}
		if looked := 8*omega.MaxRecipients - limited; looked < burst || looked > burst+10 || asked > 2*looked {
			t.Errorf("%d are looked for, others were asked %d times", looked, asked)
		}
		if f := a.request(wire.TypeLookup, nobody(t).Wire()); codeOf(wire.DecodeStatus(f.Body)) != omega.CodeNotFound {
			t.Errorf("another account is told %v", wire.DecodeStatus(f.Body))
		}
		if f := m.request(wire.TypeLookup, alice.fp().Wire()); f.Type != wire.TypeEntry {
			t.Errorf("what is known here is not told: %v", wire.DecodeStatus(f.Body))
		}
		before := asked
		for range 10_000 {
			_, _ = c.servers[0].proxy.Lookup(t.Context(), nobody(t))
		}
		if n := (asked - before) / 2; n > int(findRations[forWeb].burst)+10 {
			t.Errorf("visitors of the web site had others asked %d times", n)
		}
		time.Sleep(time.Minute)
		if f := m.request(wire.TypeLookup, nobody(t).Wire()); codeOf(wire.DecodeStatus(f.Body)) != omega.CodeNotFound {
			t.Errorf("after a while: %v", wire.DecodeStatus(f.Body))
		}
	})
}

// TestMissesOfOthersStay: crowds of strangers that one looked for displace his own
// and not what others wait for; what is remembered is bounded, also of many askers.
func TestMissesOfOthersStay(t *testing.T) {
	var f finds
	f.init()
	now := time.Now()
	absent := omega.Errorf(omega.CodeNotFound, "nobody")
	honest, greedy := asker{forAccount, nobody(t)}, asker{forAccount, nobody(t)}
	look := func(fp omega.Fingerprint, by asker) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.miss(fp, by, absent, now)
	}
	wanted := nobody(t)
	look(wanted, honest)
	for range 5 * maxMisses {
		look(nobody(t), greedy)
	}
	now = now.Add(missTime)
	look(wanted, honest)
	if !f.sure(wanted) {
		t.Error("what an honest asker looked for twice is not known to be absent")
	}
	if n := len(f.misses); n > maxMisses/missShare+1 {
		t.Errorf("one asker has %d misses", n)
	}
	if !f.rest(nobody(t), honest, now) {
		t.Error("an honest asker has no room")
	}
	for range 3 * maxMisses {
		look(nobody(t), asker{forAccount, nobody(t)})
	}
	if len(f.misses) > maxMisses || len(f.askers) > maxMisses+2 {
		// the others are forgotten with the next look
		f.forget(now)
	}
	if len(f.misses) > maxMisses || len(f.askers) > maxMisses+2 {
		t.Errorf("%d misses of %d askers", len(f.misses), len(f.askers))
	}
	for by, a := range f.askers {
		n := 0
		for _, m := range f.misses {
			if m.by == by {
				n++
			}
		}
		if a.misses != n {
			t.Fatalf("counted %d misses, want %d", a.misses, n)
		}
		if by != greedy && by != honest {
			break
		}
	}
	f.forget(now.Add(missMemory + time.Hour))
	if len(f.misses)+len(f.askers) != 0 {
		t.Errorf("left: %d misses, %d askers", len(f.misses), len(f.askers))
	}
}

// TestPublishingHasARation: an account that publishes without end is told to wait
// before the whole cloud works for it; the same again costs nothing. (spec/delivery.md,
// DELIV-1)
func TestPublishingHasARation(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		mallory, alice := c.register(1, c.servers[0]), c.register(1, c.servers[0])
		m := newClient(mallory, 0).attach(c.servers[0], c.servers[0])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		synctest.Wait()
		told := 0
		c.mu.Lock()
		c.spy = func(_, to int, f wire.Frame) {
			if f.Type == wire.TypePlace && to == 1 {
				told++
			}
		}
		c.mu.Unlock()
		publish := func(x *testClient, e wire.Entry) omega.Code {
			return codeOf(wire.DecodeStatus(x.request(wire.TypePublish, wire.AppendEntry(nil, &e)).Body))
		}
		var last wire.Entry
		passed := 0
		for range 3 * publishBurst {
			time.Sleep(100 * time.Millisecond)
			e := mallory.entry(c.servers[0])
			if publish(m, e) == omega.CodeOK {
				passed, last = passed+1, e
			} else {
				mallory.record.Sequence--
				break
			}
		}
		synctest.Wait()
		if passed != publishBurst || told != passed {
			t.Errorf("%d pass, another server was told %d times; want %d", passed, told, publishBurst)
		}
		if code := publish(m, last); code != omega.CodeRateLimited {
			t.Errorf("one more: %s", code)
		}
		if code := publish(a, alice.entry(c.servers[0])); code != omega.CodeOK {
			t.Errorf("another account: %s", code)
		}
		time.Sleep(publishInterval)
		for range 5 {
			if code := publish(m, last); code != omega.CodeOK {
				t.Errorf("the same again, after a while: %s", code)
			}
		}
	})
}

// TestGreedyServer: a server whose requests never come to an end has its share of
// the workers and of the queue, and others are served meanwhile, in turns.
func TestGreedyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j jobs
		j.init(jobWorkers - 1)
		ctx, cancel := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for range jobWorkers {
			workers.Go(func() { j.run(ctx) })
		}
		greedy, one, two := nobody(t), nobody(t), nobody(t)
		hold := make(chan struct{})
		added := 0
		for range 2 * maxJobs {
			if j.add(greedy, 1000, func(context.Context) { <-hold }) {
				added++
			}
			synctest.Wait()
		}
		if want := maxJobs/jobShare + jobWorkers - 1; added != want {
			t.Errorf("one server has %d jobs, want %d", added, want)
		}
		var order []string
		gate := make(chan struct{})
		j.add(one, 1, func(context.Context) { <-gate })
		synctest.Wait()
		for i := range 3 {
			for name, from := range map[string]omega.Fingerprint{"one": one, "two": two} {
				if !j.add(from, 1, func(context.Context) { order = append(order, name) }) {
					t.Errorf("job %d of %s is refused", i, name)
				}
			}
		}
		close(gate)
		synctest.Wait()
		if len(order) != 6 {
			t.Fatalf("done: %v", order)
		}
		for i := 0; i < len(order); i += 2 {
			if order[i] == order[i+1] {
				t.Errorf("not in turns: %v", order)
			}
		}
		if j.add(two, maxJobBytes/jobShare+1, func(context.Context) {}) {
			t.Error("one server has more octets than its share")
		}
		close(hold)
		synctest.Wait()
		if len(j.by) != 0 || j.count != 0 || j.bytes != 0 || len(j.turns) != 0 {
			t.Errorf("left: %d servers, %d jobs, %d octets, %d turns", len(j.by), j.count, j.bytes, len(j.turns))
		}
		cancel()
		workers.Wait()
	})
}

// TestRequestsTakeBoundedMemory: requests that nobody answers are bounded in
// octets too, and what they took comes back.
func TestRequestsTakeBoundedMemory(t *testing.T) {
	var r requests
	r.init()
	var tags []uint32
	to := nobody(t)
	big := make([]byte, omega.MaxEnvelope)
	for {
		tag, err := r.add(&request{to: to, frame: big, pace: new(pace)})
		if err != nil {
			break
		}
		tags = append(tags, tag)
		if len(tags)*len(big) > 2*maxRequestBytes {
			t.Fatalf("%d octets are under way", len(tags)*len(big))
		}
	}
	for _, tag := range tags {
		q := r.take(tag, to)
		r.restore(tag, q)
		if r.take(tag, to) != q {
			t.Fatal("a request is gone")
		}
	}
	if n := r.bytes.Load(); n != 0 || r.len() != 0 {
		t.Errorf("%d octets of %d requests are left", n, r.len())
	}
}

// TestServerPushesTooMuch: a server that sends entries without end is told so
// before they are looked at, and others are not. (spec/keys.md, KEYS-12)
func TestServerPushesTooMuch(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		p, greedy, modest := c.servers[0].proxy, c.servers[1], c.servers[2]
		said := map[int]omega.Code{}
		c.mu.Lock()
		c.drop = func(_, to int, f wire.Frame) bool {
			if f.Type == wire.TypeDone {
				said[to] = codeOf(wire.DecodeStatus(f.Body))
			}
			return true
		}
		c.mu.Unlock()
		push := func(from *testServer, kind wire.Type, tag uint32) omega.Code {
			p.work(c.ctx, from.fp(), wire.Frame{Type: kind, Tag: tag, Body: []byte("nothing")})
			synctest.Wait()
			c.mu.Lock()
			defer c.mu.Unlock()
			return said[from.n]
		}
		for i := range pushBurst {
			if kind := []wire.Type{wire.TypePublish, wire.TypePlace}[i%2]; push(greedy, kind, uint32(i/(pushBurst-1))) == omega.CodeRateLimited {
				t.Fatalf("limited after %d entries", i)
			}
		}
		for _, kind := range []wire.Type{wire.TypePublish, wire.TypePlace} {
			if code := push(greedy, kind, 1); code != omega.CodeRateLimited {
				t.Errorf("type %d above the ration: %s", kind, code)
			}
			if code := push(modest, kind, 1); code != omega.CodeBadRequest {
				t.Errorf("type %d of another server: %s", kind, code)
			}
		}
		time.Sleep(pushInterval)
		if code := push(greedy, wire.TypePublish, 1); code != omega.CodeBadRequest {
			t.Errorf("after a while: %s", code)
		}
	})
}

// TestSlowHomeLeavesRoom: a server that answers nothing has a part of the requests
// under way and of their octets, and leaves room for what others are asked.
// (spec/delivery.md, DELIV-37)
func TestSlowHomeLeavesRoom(t *testing.T) {
	for name, size := range map[string]int{"many": wire.HeaderSize, "long": omega.MaxEnvelope} {
		t.Run(name, func(t *testing.T) {
			var r requests
			r.init()
			fill := func() (n int) {
				p, to := new(pace), nobody(t)
				for n <= maxRequests {
					if _, err := r.add(&request{to: to, frame: make([]byte, size), pace: p}); err != nil {
						break
					}
					n++
				}
				return n
			}
			most := min(maxRequests, maxRequestBytes/size)
			if n := fill(); n > most/2+1 || n < most/2-1 {
				t.Errorf("one server has %d of %d requests, want half", n, most)
			}
			if n := fill(); n > most/4+1 || n < most/4-1 {
				t.Errorf("the next has %d of %d requests, want half of the rest", n, most)
			}
		})
	}
}

// TestOnlyTheHomeSaysStored: what another server answers in a home's place, even
// under the tag of the request, is not taken for the home's word. (That a frame is
// the home's is proved end to end: spec/cloud.md, CLOUD-25.)
func TestOnlyTheHomeSaysStored(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		alice, bob := c.register(1, c.servers[0]), c.register(1, c.servers[1])
		a := newClient(alice, 0).attach(c.servers[0], c.servers[0])
		synctest.Wait()
		liar, forged := c.servers[2].fp(), 0
		c.mu.Lock()
		c.drop = func(from, to int, f wire.Frame) bool {
			if from != 0 || to != 1 || f.Type != wire.TypeSend {
				return false
			}
			forged++
			lie := wire.AppendFrame(nil, wire.TypeSent, f.Tag, wire.AppendResults(nil, omega.CodeOK, nil))
			c.wg.Go(func() { c.servers[0].proxy.Receive(c.ctx, liar, wire.ClassControl, lie) })
			return true // the home never has it
		}
		c.mu.Unlock()
		env := wire.Envelope{Class: wire.ClassText, Sender: alice.fp(), ID: omega.ID{7}, Lifetime: time.Hour, Recipients: []omega.Fingerprint{bob.fp()}, Payload: []byte("x")}
		b, err := env.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := a.codes(a.request(wire.TypeSend, b))
		if code == omega.CodeOK || forged == 0 {
			t.Errorf("%v after %d lies: the home has nothing", code, forged)
		}
	})
}

// TestTagsAreNoSeries: a server between two others cannot tell the tag of the
// next request from those it has seen, and so not answer it unseen.
func TestTagsAreNoSeries(t *testing.T) {
	var r requests
	r.init()
	var last uint32
	near := 0
	given := make(map[uint32]bool)
	for range 100 {
		tag, err := r.add(&request{frame: make([]byte, wire.HeaderSize), pace: new(pace)})
		if err != nil || tag == 0 {
			t.Fatal(tag, err)
		}
		if tag-last < 1<<16 {
			near++
		}
		last = tag
	}
	for range 1 << 18 {
		tag := r.next()
		if given[tag] {
			t.Fatalf("tag %d is given twice", tag)
		}
		given[tag] = true
	}
	if near > 10 {
		t.Errorf("%d of 100 tags follow the one before", near)
	}
}
