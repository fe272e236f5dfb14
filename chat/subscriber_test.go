package chat

import (
	"reflect"
	"testing"
	"time"
)

// TestGroupNewsForm: what one message says of a group is read as it was written, or not at
// all.
func TestGroupNewsForm(t *testing.T) {
	who := testAccount(t, 1)
	one := Subscriber{Account: who, State: Unsubscribed, Time: testTime.Truncate(time.Millisecond)}
	ended := one
	ended.Ended = true
	many := make([]Subscriber, MaxSubscribers+1)
	for i := range many {
		many[i] = one
	}
	for _, row := range []struct {
		what string
		news GroupNews
		ok   bool
	}{
		{"an entry", GroupNews{Subscribers: []Subscriber{one}}, true},
		{"as many as may be", GroupNews{Subscribers: many[1:]}, true},
		{"one more", GroupNews{Subscribers: many}, false},
		{"ended by an operation", GroupNews{Subscribers: []Subscriber{one, ended, one, ended}}, true},
		{"kept out by an operation", GroupNews{Subscribers: []Subscriber{{Account: who, State: SubscriberOut, Time: testTime, Ended: true}}}, false},
		{"a state that there is none of", GroupNews{Subscribers: []Subscriber{{Account: who, State: SubscriberOut + 1, Time: testTime}}}, false},
		{"a time before 1970", GroupNews{Subscribers: []Subscriber{{Account: who, State: Subscribes, Time: time.UnixMilli(-1)}}}, false},
		{"a name", GroupNews{Asker: who, Called: "阿文 Wen"}, true},
		{"a name with two spaces", GroupNews{Asker: who, Called: "阿文  Wen"}, false},
		{"a name that turns the text", GroupNews{Asker: who, Called: "a\u202eb"}, false},
		{"a name over two lines", GroupNews{Asker: who, Called: "a\nb"}, false},
	} {
		row.news.ID = Hash{1}
		b, err := (&Content{Kind: KindGroup, Group: &row.news}).Raw()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeContent(b)
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.what, err)
		}
		if row.what == "ended by an operation" && err == nil && !reflect.DeepEqual(got.Group.Subscribers, row.news.Subscribers) {
			t.Errorf("%s: %+v", row.what, got.Group.Subscribers)
		}
		if row.what == "an entry" && err == nil && (got.Group.Subscribers[0].Account != who || got.Group.Subscribers[0].State != Unsubscribed || !got.Group.Subscribers[0].Time.Equal(one.Time)) {
			t.Errorf("%s: %+v", row.what, got.Group.Subscribers)
		}
	}
}
