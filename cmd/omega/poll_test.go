package main

import (
	"slices"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

// TestChoices: answers are typed by number or by their words.
func TestChoices(t *testing.T) {
	p := &clientrpc.Poll{Options: []clientrpc.Option{{Text: "滷肉飯"}, {Text: "Beef noodles"}, {Text: "3"}}}
	for _, tt := range []struct {
		typed []string
		want  []int
		ok    bool
	}{
		{nil, nil, true}, {[]string{"1", "2"}, []int{0, 1}, true}, {[]string{"滷肉飯"}, []int{0}, true}, {[]string{" beef NOODLES"}, []int{1}, true},
		{[]string{"3"}, []int{2}, true}, {[]string{"9"}, []int{8}, true}, {[]string{"水餃"}, nil, false},
	} {
		got, err := choices(p, tt.typed)
		if !slices.Equal(got, tt.want) || (err == nil) != tt.ok {
			t.Errorf("%q: %v, %v", tt.typed, got, err)
		}
	}
	if got, err := choices(nil, []string{"x"}); len(got) != 1 || err != nil {
		t.Errorf("no poll: %v, %v", got, err)
	}
}
