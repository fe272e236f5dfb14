package sound

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"testing"
	"time"
)

// recorded are packets that a browser made of a saw of 180 Hz: half a second each at 0.8,
// at 0.08, silent, and at 0.4 of full scale.
func recorded(t testing.TB, name string) (file []byte, packets [][]byte) {
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	err = webm(newCursor(t.Context(), bytes.NewReader(file), int64(len(file))), func(p []byte) error {
		packets = append(packets, bytes.Clone(p))
		return nil
	})
	if err != nil || len(packets) < 30 {
		t.Fatalf("%d packets: %v", len(packets), err)
	}
	return file, packets
}

// oggOf puts packets into pages of at most n lacing values.
func oggOf(packets [][]byte, n int) (out []byte) {
	var lacing, body []byte
	kind := byte(2)
	flush := func() {
		head := append([]byte("OggS\x00"), kind)
		head = binary.LittleEndian.AppendUint64(head, 0)
		head = append(head, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(lacing)))
		out = append(append(append(out, head...), lacing...), body...)
		kind = 0
		if len(lacing) > 0 && lacing[len(lacing)-1] == 255 {
			kind = 1
		}
		lacing, body = nil, nil
	}
	head := append([]byte("OpusHead\x01\x01"), make([]byte, 9)...)
	for i, p := range append([][]byte{head, []byte("OpusTags")}, packets...) {
		for rest := p; ; {
			m := min(len(rest), 255)
			lacing, body, rest = append(lacing, byte(m)), append(body, rest[:m]...), rest[m:]
			if len(lacing) == n {
				flush()
			}
			if m < 255 {
				break
			}
		}
		if i < 2 {
			flush()
		}
	}
	flush()
	return out
}

// wavOf is a WAV file of one channel.
func wavOf(kind, bits, rate int, samples []float64) []byte {
	var data []byte
	for _, s := range samples {
		switch {
		case kind == wavFloat:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(s)))
		case bits == 8:
			data = append(data, byte(128+s*127))
		default:
			v := uint32(int32(s * float64(math.MaxInt32)))
			data = append(data, []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}[4-bits/8:]...)
		}
	}
	le := binary.LittleEndian
	out := append([]byte("RIFF\xff\xff\xff\xffWAVELIST\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00"), byte(kind), 0, 1, 0)
	out = le.AppendUint32(le.AppendUint32(out, uint32(rate)), uint32(rate*bits/8))
	out = append(out, byte(bits/8), 0, byte(bits), 0)
	return append(le.AppendUint32(append(out, "data"...), uint32(len(data))), data...)
}

// four is what is recorded, without the browser.
func four(rate int) (out []float64) {
	for _, loud := range []float64{0.8, 0.08, 0, 0.4} {
		for i := range rate / 2 {
			out = append(out, loud*(2*math.Mod(float64(i)*180/float64(rate), 1)-1))
		}
	}
	return out
}

// TestLook: the same half seconds are as loud as they are in every kind of file.
func TestLook(t *testing.T) {
	files := map[string][]byte{
		"wav of 8 bits": wavOf(wavPCM, 8, 8000, four(8000)), "wav of 16": wavOf(wavPCM, 16, 44100, four(44100)), "wav of 24": wavOf(wavPCM, 24, 16000, four(16000)),
		"wav of 32": wavOf(wavPCM, 32, 16000, four(16000)), "wav of floats": wavOf(wavFloat, 32, 48000, four(48000)),
	}
	for _, name := range []string{"four16k", "four32k"} {
		file, packets := recorded(t, name+".webm")
		files[name+" in WebM"] = file
		files[name+" in Ogg"] = oggOf(packets, 255)
		files[name+" in short pages of Ogg"] = oggOf(packets, 3)
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			got, err := Look(t.Context(), bytes.NewReader(file), int64(len(file)), 64)
			if err != nil {
				t.Fatal(err)
			}
			if got.Duration < 1900*time.Millisecond || got.Duration > 2200*time.Millisecond || len(got.Bars) != 64 {
				t.Errorf("%v, %d bars", got.Duration, len(got.Bars))
			}
			at := func(seconds float64) float64 { return float64(got.Bars[int(seconds/got.Duration.Seconds()*64)]) / 255 }
			loud, quiet, silent, half := at(0.3), at(0.8), at(1.35), at(1.8)
			if loud < 0.6 || quiet < 0.04 || quiet > 0.2 || silent > 0.03 || half < 0.25 || half > 0.6 {
				t.Errorf("how loud: %.2f %.2f %.2f %.2f, recorded 0.8 0.08 0 0.4", loud, quiet, silent, half)
			}
		})
	}
}

// TestLongRecordings: of a long recording runs are heard, and the same parts of it are loud.
func TestLongRecordings(t *testing.T) {
	_, packets := recorded(t, "four16k.webm")
	var long [][]byte
	for _, p := range packets { // 10 times as long
		for range 10 {
			long = append(long, p)
		}
	}
	file := oggOf(long, 255)
	got, err := opusIn(t.Context(), bytes.NewReader(file), int64(len(file)), 64, 200, ogg)
	if err != nil {
		t.Fatal(err)
	}
	if got.Duration < 18*time.Second || len(got.Bars) != 64 || got.Bars[10] < 100 || got.Bars[26] > got.Bars[10]/2 {
		t.Errorf("%v, bars %v", got.Duration, got.Bars)
	}
}

func TestMeterFolds(t *testing.T) {
	var m meter
	const blocks = 5*maxPeaks + 3
	for i := range blocks {
		peak := float32(0)
		if i == blocks/2 {
			peak = 1
		}
		m.add(peak)
	}
	if len(m.peaks) > maxPeaks || m.per != 8 {
		t.Errorf("%d peaks of %d blocks", len(m.peaks), m.per)
	}
	for i, b := range m.bars(9) {
		if (b == 255) != (i == 4) {
			t.Errorf("bar %d of 9 is %d: the middle is loud", i, b)
		}
	}
}

// TestLookRefuses: what is no recording, and what ends too early, is an error of one of two kinds.
func TestLookRefuses(t *testing.T) {
	file, packets := recorded(t, "four32k.webm")
	whole := oggOf(packets, 255)
	wave := wavOf(wavPCM, 16, 8000, four(8000))
	for name, row := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":               {nil, ErrUnknown},
		"text":                  {[]byte("a text that is long enough"), ErrUnknown},
		"half an Ogg page":      {whole[:len(whole)-1], ErrDamaged},
		"Ogg of Vorbis":         {bytes.Replace(whole, []byte("OpusHead"), []byte("\x01vorbis_"), 1), ErrUnknown},
		"six channels":          {bytes.Replace(whole, append([]byte("OpusHead\x01\x01"), make([]byte, 9)...), []byte("OpusHead\x01\x06\x00\x00\x00\x00\x00\x00\x00\x00\x01"), 1), ErrUnknown},
		"half a WebM block":     {file[:len(file)-20], ErrDamaged},
		"WebM of another codec": {bytes.Replace(file, []byte("A_OPUS"), []byte("A_FLAC"), 1), ErrUnknown},
		"WAV of A-law":          {bytes.Replace(wave, []byte("fmt \x10\x00\x00\x00\x01"), []byte("fmt \x10\x00\x00\x00\x06"), 1), ErrUnknown},
		"WAV without a format":  {bytes.Replace(wave, []byte("fmt "), []byte("xxxx"), 1), ErrDamaged},
		"WAV without sound":     {wave[:40], ErrDamaged},
	} {
		if _, err := Look(t.Context(), bytes.NewReader(row.file), int64(len(row.file)), 64); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}

// TestOggBetween: a packet goes on behind a page of another stream.
func TestOggBetween(t *testing.T) {
	want := bytes.Repeat([]byte("sound"), 100)
	file := oggOf([][]byte{want}, 1)
	at := bytes.Index(file, []byte("OggS\x00\x01"))
	other := append([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00abcd\x00\x00\x00\x00\x00\x00\x00\x00"), "\x01\x05other"...)
	file = slices.Insert(file, at, other...)
	var got [][]byte
	err := ogg(newCursor(t.Context(), bytes.NewReader(file), int64(len(file))), func(p []byte) error {
		got = append(got, bytes.Clone(p))
		return nil
	})
	if err != nil || len(got) != 1 || !bytes.Equal(got[0], want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTooManyParts: what is cut up more than a recording is, is none.
func TestTooManyParts(t *testing.T) {
	file, packets := recorded(t, "four32k.webm")
	for name, row := range map[string]struct {
		file []byte
		in   demuxer
	}{"Ogg": {oggOf(packets, 255), ogg}, "WebM": {file, webm}} {
		for _, few := range []bool{true, false} {
			c := newCursor(t.Context(), bytes.NewReader(row.file), int64(len(row.file)))
			if few {
				c.parts = len(packets)
			}
			if err := row.in(c, func([]byte) error { return nil }); errors.Is(err, ErrUnknown) != few {
				t.Errorf("%s, few %v: %v", name, few, err)
			}
		}
	}
}

// TestLookEnds: who sent the file does not have to wait.
func TestLookEnds(t *testing.T) {
	_, packets := recorded(t, "four32k.webm")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, file := range map[string][]byte{"Ogg": oggOf(packets, 255), "WAV": wavOf(wavPCM, 16, 8000, four(8000))} {
		if _, err := Look(ctx, bytes.NewReader(file), int64(len(file)), 64); !errors.Is(err, context.Canceled) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	n := 0
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	file := oggOf(packets, 255)
	_, err := opusIn(ctx, bytes.NewReader(file), int64(len(file)), 64, maxDecoded, func(c *cursor, visit func([]byte) error) error {
		return ogg(c, func(p []byte) error {
			if n++; n == len(packets)+3 { // in the second run, all of the file is in memory
				cancel()
			}
			return visit(p)
		})
	})
	if !errors.Is(err, context.Canceled) || n != len(packets)+3 {
		t.Errorf("after %d of %d packets: %v", n, len(packets), err)
	}
}

// FuzzLook: whatever a file holds, there are no more bars than were asked for, and none that
// panics.
func FuzzLook(f *testing.F) {
	for _, name := range []string{"four16k.webm", "four32k.webm"} {
		file, packets := recorded(f, name)
		f.Add(file)
		f.Add(oggOf(packets, 255))
	}
	f.Add(wavOf(wavPCM, 16, 8000, four(8000)[:100]))
	f.Fuzz(func(t *testing.T, file []byte) {
		info, err := Look(t.Context(), bytes.NewReader(file), int64(len(file)), 64)
		if len(info.Bars) > 64 || info.Duration < 0 {
			t.Errorf("%d bars, %v", len(info.Bars), info.Duration)
		}
		if err != nil && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrDamaged) {
			t.Errorf("an error of another kind: %v", err)
		}
	})
}
