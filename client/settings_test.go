package client

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// TestPortions: what is told at once fits into messages, in order.
func TestPortions(t *testing.T) {
	var list []chat.Setting
	for n := range 300 {
		s := chat.Setting{Name: "x", Subject: []byte{byte(n >> 8), byte(n)}}
		if n%100 == 50 {
			s.Value = make([]byte, chat.MaxSettingValue)
		}
		if n > 250 && n < 256 {
			s.Value = make([]byte, chat.MaxSettingValue)
		}
		list = append(list, s)
	}
	var again []chat.Setting
	for _, part := range portions(list) {
		size := 0
		for _, s := range part {
			size += len(s.Subject) + len(s.Value) + 64
		}
		if len(part) == 0 || len(part) > chat.MaxSettings || size > maxPortion {
			t.Errorf("a part of %d settings, %d octets", len(part), size)
		}
		again = append(again, part...)
	}
	if !slices.EqualFunc(again, list, func(a, b chat.Setting) bool { return string(a.Subject) == string(b.Subject) }) {
		t.Errorf("%d settings of %d", len(again), len(list))
	}
	if portions(nil) != nil {
		t.Error("a part of nothing")
	}
}

// TestFresh: devices are told once.
func TestFresh(t *testing.T) {
	told := append(fp(1).Wire(), fp(2).Wire()...)
	for _, tt := range []struct {
		devices []omega.Fingerprint
		want    bool
	}{{nil, false}, {[]omega.Fingerprint{fp(1)}, false}, {[]omega.Fingerprint{fp(2), fp(3)}, true}} {
		if got := fresh(told, tt.devices); got != tt.want {
			t.Errorf("%v: %v", tt.devices, got)
		}
	}
}
