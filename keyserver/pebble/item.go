package pebble

import (
	"encoding/binary"
	"errors"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// summarySize is the length of a summary's value in octets.
const summarySize = 8 + 32

// The value of an item:
//
//	u64 sequence | 32 hash
//	u16 n | n × fp subkey
//	u8 n  | n × { u16 length | record }   other records
//	entry to the end
func encodeItem(item *keyserver.Item) []byte {
	b := make([]byte, 0, summarySize+3+len(item.Subkeys)*omega.MaxFingerprintSize+len(item.Entry)+1024)
	b = append(b, encodeSummary(&item.Summary)...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(item.Subkeys)))
	for _, s := range item.Subkeys {
		b = s.AppendTo(b)
	}
	b = append(b, byte(len(item.Others)))
	for _, e := range item.Others {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return append(b, item.Entry...)
}

func encodeSummary(s *keyserver.Summary) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, summarySize), s.Sequence)
	return append(b, s.Hash[:]...)
}

var errDamaged = errors.New("damaged item")

// decodeItem reads what encodeItem wrote. The item's slices point into b.
func decodeItem(fp omega.Fingerprint, b []byte) (*keyserver.Item, error) {
	item := &keyserver.Item{Summary: keyserver.Summary{Fingerprint: fp}}
	if len(b) < summarySize+2 {
		return nil, errDamaged
	}
	item.Sequence = binary.BigEndian.Uint64(b)
	copy(item.Hash[:], b[8:])
	n := int(binary.BigEndian.Uint16(b[summarySize:]))
	b = b[summarySize+2:]
	if n > keyserver.MaxSubkeys {
		return nil, errDamaged
	}
	for range n {
		sub, size, err := omega.DecodeFingerprint(b)
		if err != nil {
			return nil, errDamaged
		}
		item.Subkeys = append(item.Subkeys, sub)
		b = b[size:]
	}
	if len(b) < 1 || int(b[0]) > keyserver.MaxOthers {
		return nil, errDamaged
	}
	n, b = int(b[0]), b[1:]
	for range n {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil, errDamaged
		}
		size := 2 + int(binary.BigEndian.Uint16(b))
		item.Others = append(item.Others, b[2:size:size])
		b = b[size:]
	}
	item.Entry = b
	return item, nil
}
