package film

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Elements of Matroska that are read or taken out. (RFC 9559)
const (
	segment     = 0x18538067
	segmentInfo = 0x1549a966
	timeScale   = 0x2ad7b1
	duration    = 0x4489
	dateUTC     = 0x4461
	title       = 0x7ba9
	segmentFile = 0x7384
	tracks      = 0x1654ae6b
	trackEntry  = 0xae
	video       = 0xe0
	pixelWidth  = 0xb0
	pixelHeight = 0xba
	tags        = 0x1254c367
	attachments = 0x1941a469
	crc32       = 0xbf
	void        = 0xec
	cluster     = 0x1f43b675
)

// An element is one of a Matroska file, from at to before end.
type element struct {
	id            uint32
	at, body, end int64
	open          bool // its size is not known: it goes to the end of what it is in
}

// A webmInfo is what was read so far.
type webmInfo struct {
	scale uint64 // ns
	ticks float64
}

func (w *walker) webm() error {
	info := &webmInfo{scale: 1_000_000}
	if err := w.elements(0, w.size, 0, 0, info); err != nil {
		return err
	}
	if d := info.ticks * float64(info.scale); d > 0 && d < float64(maxTime) {
		w.info.Duration = timeOf(d)
	}
	return nil
}

func (w *walker) elements(at, end int64, in uint32, depth int, info *webmInfo) error {
	for at < end {
		e, err := w.element(at, end)
		if err != nil {
			return err
		}
		if e.id == cluster && e.open {
			return nil // a live film: what follows is not looked for
		}
		if err := w.takeElement(e, in, depth, info); err != nil {
			return err
		}
		at = e.end
	}
	return nil
}

// vint reads a number of variable length: of an id the marker stays.
func (w *walker) vint(at int64, most int, id bool) (n uint64, size int64, unknown bool, err error) {
	var b [8]byte
	if err := w.read(b[:1], at); err != nil {
		return 0, 0, false, err
	}
	length := bits.LeadingZeros8(b[0]) + 1
	if length > most {
		return 0, 0, false, ErrDamaged
	}
	if err := w.read(b[1:length], at+1); err != nil {
		return 0, 0, false, err
	}
	n = binary.BigEndian.Uint64(b[:]) >> (64 - 8*length)
	if all := uint64(1)<<(7*length) - 1; !id {
		n &= all
		unknown = n == all
	}
	return n, int64(length), unknown, nil
}

func (w *walker) element(at, end int64) (e element, err error) {
	if err := w.step(); err != nil {
		return e, err
	}
	id, n, _, err := w.vint(at, 4, true)
	if err != nil {
		return e, err
	}
	size, m, unknown, err := w.vint(at+n, 8, false)
	if err != nil {
		return e, err
	}
	e = element{id: uint32(id), at: at, body: at + n + m, open: unknown}
	switch {
	case e.body > end:
		return e, ErrDamaged
	case unknown && (e.id == segment || e.id == cluster):
		e.end = end
	case unknown || size > uint64(end-e.body):
		return e, ErrDamaged
	default:
		e.end = e.body + int64(size)
	}
	return e, nil
}

// takeElement reads an element, looks into it, or takes it out.
func (w *walker) takeElement(e element, in uint32, depth int, info *webmInfo) error {
	switch e.id {
	case segment, segmentInfo, tracks, trackEntry, video:
		if depth == maxDepth {
			return ErrDamaged
		}
		return w.elements(e.body, e.end, e.id, depth+1, info)
	case tags, attachments, dateUTC, title, segmentFile, void:
		return w.voidElement(e)
	case crc32:
		if in == segment || in == segmentInfo { // they do not have what it says any more
			return w.voidElement(e)
		}
		return nil
	case timeScale, duration, pixelWidth, pixelHeight:
		return w.number(e, info)
	}
	return nil
}

func (w *walker) number(e element, info *webmInfo) error {
	var b [8]byte
	n := e.end - e.body
	if n == 0 || n > 8 {
		return nil
	}
	if err := w.read(b[8-n:], e.body); err != nil {
		return err
	}
	v := binary.BigEndian.Uint64(b[:])
	small := int(min(v, maxSide+1))
	switch e.id {
	case timeScale:
		info.scale = v
	case duration:
		if info.ticks = math.Float64frombits(v); n == 4 {
			info.ticks = float64(math.Float32frombits(uint32(v)))
		}
	case pixelWidth:
		w.info.Width = max(w.info.Width, small)
	case pixelHeight:
		w.info.Height = max(w.info.Height, small)
	}
	return nil
}

// voidElement makes an element one of zeros that means nothing.
func (w *walker) voidElement(e element) error {
	size := e.end - e.at
	head := []byte{void, 0x80 | byte(size-2)}
	if size-2 > 126 {
		head = binary.BigEndian.AppendUint64([]byte{void}, uint64(size-9)|1<<56)
	}
	return w.patch(e.at, size, head...)
}
