package chat

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/omega-im/omega/internal/chatpb"
)

// TestEarlier: a request for a page of earlier messages, and its answer, read as they were
// written; what is neither, or more than a page, is refused. (spec/group.md, GROUP-48)
func TestEarlier(t *testing.T) {
	l := Link{1}
	for _, e := range []*Earlier{
		{Time: testTime, Count: 1},
		{Before: l, Time: testTime, Count: MaxEarlier},
		{Before: l, Time: testTime},
		{Before: l, Time: testTime, Links: []Link{l, {2}}, End: EarlierNoMore},
	} {
		raw, err := (&Content{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Earlier: e}}).Raw()
		must(t, err)
		got, err := DecodeContent(raw)
		must(t, err)
		if e.Time = e.Time.UTC().Truncate(time.Millisecond); !reflect.DeepEqual(got.Group.Earlier, e) {
			t.Errorf("%+v, want %+v", got.Group.Earlier, e)
		}
	}
	many := make([][]byte, MaxEarlier+1)
	for i := range many {
		many[i] = bytes.Repeat([]byte{byte(i)}, len(l))
	}
	for what, p := range map[string]*chatpb.Earlier{
		"too many asked for":      {Count: MaxEarlier + 1},
		"too many given":          {Links: many},
		"a request with an end":   {Count: 1, End: 1},
		"a request with messages": {Count: 1, Links: many[:1]},
		"an unknown end":          {End: 3},
		"a short link":            {Links: [][]byte{{1}}},
		"no time":                 {Time: 1 << 60},
		"a long place":            {Count: 1, Before: make([]byte, 17)},
	} {
		raw, err := proto.Marshal(&chatpb.Content{Kind: string(KindGroup), Group: &chatpb.Group{Id: bytes.Repeat([]byte{1}, 32), Earlier: p}})
		must(t, err)
		if _, err := DecodeContent(raw); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
