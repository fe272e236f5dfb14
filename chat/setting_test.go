package chat

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
)

// setting makes up a valid one.
func setting(tb testing.TB, name string, subject, value []byte) Setting {
	return Setting{name, subject, value, Stamp{1, testTime, testAccount(tb, 9)}}
}

func TestSettings(t *testing.T) {
	c, device := omega.ChatID{1}, testAccount(t, 3)
	read := ReadMark(c, device, 7)
	read.Stamp.Time, read.Stamp.Device = testTime, device
	for _, tt := range []struct {
		name string
		s    Setting
		ok   bool
	}{
		{"read", read, true},
		{"draft", setting(t, SettingDraft, c[:], []byte("草稿")), true},
		{"no draft any more", setting(t, SettingDraft, c[:], nil), true},
		{"muted", setting(t, SettingMuted, c[:], Moment(testTime)), true},
		{"hidden", setting(t, SettingHidden, make([]byte, 32), []byte{1}), true},
		{"folder", setting(t, SettingFolder, make([]byte, 8), []byte("工作")), true},
		{"of a later version", setting(t, "colour", []byte("x"), []byte("green")), true},
		{"contact", setting(t, SettingContact, device.Wire(), []byte{Contact}), true},
		{"no contact any more", setting(t, SettingContact, device.Wire(), nil), true},
		{"blocked", setting(t, SettingBlocked, device.Wire(), []byte{1}), true},
		{"petname", setting(t, SettingPetname, device.Wire(), []byte("小明")), true},
		{"verified", setting(t, SettingVerified, device.Wire(), append(testAccount(t, 1).Wire(), device.Wire()...)), true},
		{"contact of a third kind", setting(t, SettingContact, device.Wire(), []byte{3}), false},
		{"contact of nobody", setting(t, SettingContact, device.Wire()[:9], []byte{Contact}), false},
		{"petname that turns", setting(t, SettingPetname, device.Wire(), []byte("a\u202eb")), false},
		{"verified out of order", setting(t, SettingVerified, device.Wire(), append(device.Wire(), testAccount(t, 1).Wire()...)), false},
		{"own name", setting(t, SettingName, nil, []byte("阿明")), true},
		{"no own name", setting(t, SettingName, nil, nil), false},
		{"own name of which nothing is seen", setting(t, SettingName, nil, []byte("\u3164")), false},
		{"own name that turns text around", setting(t, SettingName, nil, []byte("阿\u202e明")), false},
		{"own name of somebody", setting(t, SettingName, device.Wire(), []byte("阿明")), false},
		{"name of a device", setting(t, SettingDeviceName, device.Wire(), []byte("阿明的手機")), true},
		{"no name of a device any more", setting(t, SettingDeviceName, device.Wire(), nil), true},
		{"name of a device over two lines", setting(t, SettingDeviceName, device.Wire(), []byte("a\nb")), false},
		{"name of half a device", setting(t, SettingDeviceName, device.Wire()[:9], []byte("a")), false},
		{"half a device", setting(t, SettingVerified, device.Wire(), device.Wire()[:8]), false},
		{"half a chat", setting(t, SettingDraft, c[:8], nil), false},
		{"half a moment", setting(t, SettingMuted, c[:], []byte{1}), false},
		{"title over two lines", setting(t, SettingFolder, make([]byte, 8), []byte("a\nb")), false},
		{"long value", setting(t, "x", nil, make([]byte, MaxSettingValue+1)), false},
		{"long subject", setting(t, "x", make([]byte, maxSubject+1), nil), false},
		{"name", setting(t, "No", nil, nil), false},
		{"no version", Setting{Name: "x", Stamp: Stamp{Time: testTime, Device: device}}, false},
		{"nobody's", Setting{Name: "x", Stamp: Stamp{Version: 1, Time: testTime}}, false},
	} {
		raw, err := (&Content{Kind: KindState, State: []Setting{tt.s}}).Raw()
		if tt.ok != (err == nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil {
			continue
		}
		got, err := DecodeContent(raw)
		must(t, err)
		if len(got.State) != 1 || got.State[0].Wins(&tt.s) || tt.s.Wins(&got.State[0]) || !bytes.Equal(got.State[0].Subject, tt.s.Subject) {
			t.Errorf("%s: %+v", tt.name, got.State)
		}
	}
	if chat, dev, seq, ok := read.ReadMarkOf(); chat != c || dev != device || seq != 7 || !ok {
		t.Error(chat, dev, seq, ok)
	}
	if got := MomentOf(Moment(testTime)); !got.Equal(testTime) {
		t.Error(got)
	}
	if _, err := (&Content{Kind: KindState}).Raw(); err == nil {
		t.Error("no settings at all")
	}
	if _, err := (&Content{Kind: KindState, State: slices.Repeat([]Setting{read}, MaxSettings+1)}).Raw(); err == nil {
		t.Error("too many settings")
	}
}

// TestSettingsConverge: any order leaves the same, on every device.
func TestSettingsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []Setting
		for range rapid.IntRange(1, 20).Draw(t, "settings") {
			list = append(list, Setting{
				Name: SettingDraft, Value: []byte(rapid.StringMatching("[ab]").Draw(t, "value")),
				Stamp: Stamp{
					Version: uint32(rapid.IntRange(1, 3).Draw(t, "version")), Device: fingerprint(rapid.IntRange(1, 2).Draw(t, "device")),
					Time: testTime.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "time")) * time.Millisecond),
				},
			})
		}
		winner := func(list []Setting) (w Setting) {
			for i := range list {
				if i == 0 || list[i].Wins(&w) {
					w = list[i]
				}
			}
			return w
		}
		a, b := winner(list), winner(rapid.Permutation(list).Draw(t, "order"))
		if a.Wins(&b) || b.Wins(&a) {
			t.Fatalf("%+v and %+v", a, b)
		}
	})
}
