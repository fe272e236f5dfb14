package film

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"testing"
	"testing/iotest"
	"time"
)

func mbox(kind string, body ...[]byte) []byte {
	b := bytes.Join(body, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+8)), kind...), b...)
}

func u32(list ...uint32) (b []byte) {
	for _, n := range list {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

const place = "+25.0330+121.5654/"

// someMP4 is a film of 12.5 s, 640 by 480 stored and shown turned, that tells where and
// when it was taken in four ways.
func someMP4() []byte {
	turned := u32(0, 1<<16, 0, 0xffff0000, 0, 0, 0, 0, 1<<30)
	tkhd := mbox("tkhd", u32(7, 1111, 2222, 1, 0, 12500, 0, 0, 0, 0), turned, u32(640<<16, 480<<16))
	udta := mbox("udta", mbox("\xa9xyz", []byte{0, 18, 0, 0}, []byte(place)), mbox("loci", []byte(place)))
	meta := mbox("meta", u32(0), mbox("keys", []byte("com.apple.quicktime.location.ISO6709")), mbox("ilst", []byte(place)))
	mdia := mbox("mdia", mbox("mdhd", u32(0, 1111, 2222, 1000, 12500, 0)))
	moov := mbox("moov", mbox("mvhd", u32(0, 1111, 2222, 1000, 12500), make([]byte, 80)), mbox("trak", tkhd, mdia, udta), udta, meta)
	return bytes.Join([][]byte{
		mbox("ftyp", []byte("isom"), u32(512), []byte("isom")), mbox("uuid", []byte("\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac"), []byte(place)),
		moov, mbox("free", []byte(place)), mbox("mdat", []byte("picture and sound")),
	}, nil)
}

func melement(id uint32, body ...[]byte) []byte {
	b := bytes.Join(body, nil)
	head := bytes.TrimLeft(u32(id), "\x00")
	return append(binary.BigEndian.AppendUint64(head, uint64(len(b))|1<<56), b...)
}

func someWebM(live bool) []byte {
	info := melement(segmentInfo, melement(crc32, make([]byte, 4)), melement(timeScale, []byte{0x0f, 0x42, 0x40}),
		melement(duration, binary.BigEndian.AppendUint64(nil, math.Float64bits(2500))), melement(dateUTC, make([]byte, 8)), melement(title, []byte(place)))
	track := melement(tracks, melement(trackEntry, melement(video, melement(pixelWidth, []byte{2, 0}), melement(pixelHeight, []byte{1, 0x90}))))
	inner := bytes.Join([][]byte{info, track, melement(tags, []byte(place), make([]byte, 200)), melement(cluster, []byte("sound"))}, nil)
	head := melement(0x1a45dfa3, melement(0x4282, []byte("webm")))
	if live {
		return append(append(head, 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), append(inner, 0x1f, 0x43, 0xb6, 0x75, 0xff, 1, 2, 3)...)
	}
	return append(head, melement(segment, inner)...)
}

func page(serial uint32, granule uint64, body string) []byte {
	b := append([]byte("OggS\x00\x02"), binary.LittleEndian.AppendUint64(nil, granule)...)
	b = binary.LittleEndian.AppendUint32(b, serial)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 1, byte(len(body)))
	return append(b, body...)
}

func someOgg() []byte {
	return bytes.Join([][]byte{
		page(7, 0, "OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"), page(7, 0, "OpusTags"), page(7, 48000*90, "sound"), page(7, 48000*93+312, "OggS"), page(8, 1, "other"),
	}, nil)
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		name, kind    string
		file          []byte
		width, height int
		lasts         time.Duration
	}{
		{"mp4", "video/mp4", someMP4(), 480, 640, 12500 * time.Millisecond},
		{"webm", "video/webm", someWebM(false), 512, 400, 2500 * time.Millisecond},
		{"live webm", "video/webm", someWebM(true), 512, 400, 2500 * time.Millisecond},
		{"ogg", "audio/ogg", someOgg(), 0, 0, 93 * time.Second},
	} {
		if got := TypeOf(tt.file); got != tt.kind {
			t.Errorf("%s is %q", tt.name, got)
		}
		info, err := Probe(bytes.NewReader(tt.file), int64(len(tt.file)))
		if err != nil || info.Width != tt.width || info.Height != tt.height || info.Duration != tt.lasts {
			t.Errorf("%s: %d by %d, %v, %v", tt.name, info.Width, info.Height, info.Duration, err)
		}
		for _, read := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader} {
			clean, err := io.ReadAll(Reader(read(bytes.NewReader(tt.file)), info.Patches))
			if err != nil || len(clean) != len(tt.file) || bytes.Contains(clean, []byte(place)) || bytes.Contains(clean, u32(1111, 2222)) {
				t.Errorf("%s: %d octets of %d, or they tell the place or the time (%v)", tt.name, len(clean), len(tt.file), err)
			}
			if !bytes.Contains(clean, []byte("sound")) {
				t.Errorf("%s: the sound is gone", tt.name)
			}
			again, err := Probe(bytes.NewReader(clean), int64(len(clean)))
			if err != nil || again.Width != tt.width || again.Duration != tt.lasts {
				t.Errorf("%s: what is left is %d wide, %v, %v", tt.name, again.Width, again.Duration, err)
			}
		}
	}
}

// What is cut off or says wrong sizes is damaged, and nothing is read for ever.
func TestDamaged(t *testing.T) {
	for name, b := range map[string][]byte{
		"no moov": mbox("ftyp", []byte("isomisom")), "text": []byte("hello, world"), "a box past the end": append(mbox("ftyp", []byte("isomisom")), 0, 0, 1, 0, 'm', 'o', 'o', 'v'),
		"boxes without end": append(mbox("ftyp", []byte("isomisom")), bytes.Repeat(mbox("skip"), maxElements)...),
		"webm of nothing":   {0x1a, 0x45, 0xdf, 0xa3}, "ogg of nothing": []byte("OggS"),
	} {
		if _, err := Probe(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// FuzzProbe: patches stay in the file, do not overlap, and leave its size.
func FuzzProbe(f *testing.F) {
	for _, b := range [][]byte{someMP4(), someWebM(false), someWebM(true), someOgg()} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Probe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		at := int64(0)
		for _, p := range info.Patches {
			if p.Offset < at || p.Length < int64(len(p.Data)) || p.Length < 0 || p.Offset+p.Length > int64(len(b)) {
				t.Fatalf("patch %+v after %d in %d", p, at, len(b))
			}
			at = p.Offset + p.Length
		}
		if info.Duration < 0 || info.Width < 0 || info.Height > maxSide {
			t.Fatalf("%+v", info)
		}
		clean, err := io.ReadAll(Reader(bytes.NewReader(b), info.Patches))
		if err != nil || len(clean) != len(b) {
			t.Fatalf("%d octets of %d: %v", len(clean), len(b), err)
		}
		if _, err := Probe(bytes.NewReader(clean), int64(len(clean))); err != nil {
			t.Fatalf("what is left is damaged: %v", err)
		}
	})
}
