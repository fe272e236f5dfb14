package sound

import (
	"bytes"
	"errors"
	"io"
)

// ogg gives the packets of the first stream of an Ogg file (RFC 3533), which is Opus.
// Check sums of pages are not looked at: nothing that is done here needs them.
func ogg(c *cursor, visit func([]byte) error) error {
	var head [27]byte
	var serial [4]byte
	var packet []byte
	heads := 0 // packets before the sound: OpusHead and OpusTags
	for first := true; ; first = false {
		err := c.read(head[:])
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		if string(head[:5]) != "OggS\x00" {
			return ErrDamaged
		}
		if first {
			serial = [4]byte(head[14:])
		}
		lacing := make([]byte, head[26])
		if err := c.read(lacing); err != nil {
			return damaged(err)
		}
		mine := serial == [4]byte(head[14:])
		if mine && head[5]&1 == 0 { // it goes on with no packet of the page before
			packet = packet[:0]
		}
		for _, n := range lacing {
			if !mine {
				if err := c.skip(int64(n)); err != nil {
					return err
				}
				continue
			}
			if packet, err = c.more(packet, int(n)); err != nil {
				return err
			}
			if n == 255 {
				continue
			}
			switch {
			case heads == 0 && !isOpusHead(packet):
				return ErrUnknown
			case heads < 2:
				heads++
			case len(packet) > 0:
				if err := visit(packet); err != nil {
					return err
				}
			}
			packet = packet[:0]
		}
	}
}

// isOpusHead reports whether a packet begins a stream of one or two channels.
// (RFC 7845, section 5.1)
func isOpusHead(p []byte) bool {
	return len(p) >= 19 && bytes.HasPrefix(p, []byte("OpusHead")) && p[8]>>4 == 0 && p[18] == 0
}

// more reads n octets behind those of a packet. Pictures in OpusTags are longer than any
// sound, so there what is too much is left out.
func (c *cursor) more(packet []byte, n int) ([]byte, error) {
	if len(packet)+n > maxPacket {
		return packet, c.skip(int64(n))
	}
	at := len(packet)
	packet = append(packet, make([]byte, n)...)
	return packet, damaged(c.read(packet[at:]))
}
