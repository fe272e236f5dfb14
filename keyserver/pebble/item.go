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
//	u16 n | n × fp subkey; of n, bit 15 says that a receipt follows, bit 14 that it is narrow
//	u8 length | receipt
//	u8 n  | n × { u16 length | record }   other records
//	entry to the end
//
// Items without a receipt are as they were before there were any.
func encodeItem(item *keyserver.Item) []byte {
	b := make([]byte, 0, summarySize+3+len(item.Subkeys)*omega.MaxFingerprintSize+len(item.Entry)+1024)
	b = append(b, encodeSummary(&item.Summary)[:summarySize]...)
	n := uint16(len(item.Subkeys))
	if len(item.Receipt) > 0 {
		n |= withReceipt
	}
	if item.Narrow {
		n |= isNarrow
	}
	b = binary.BigEndian.AppendUint16(b, n)
	for _, s := range item.Subkeys {
		b = s.AppendTo(b)
	}
	if n&withReceipt != 0 {
		b = append(b, byte(len(item.Receipt)))
		b = append(b, item.Receipt...)
	}
	b = append(b, byte(len(item.Others)))
	for _, e := range item.Others {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return append(b, item.Entry...)
}

// Marks on the number of subkeys; keyserver.MaxSubkeys is far below.
const (
	withReceipt = 1 << 15
	isNarrow    = 1 << 14
)

// encodeSummary writes a summary's value; one that is narrow has one more
// octet.
func encodeSummary(s *keyserver.Summary) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, summarySize+1), s.Sequence)
	b = append(b, s.Hash[:]...)
	if s.Narrow {
		b = append(b, narrow)
	}
	return b
}

const narrow = 1

// decodeSummary reads what encodeSummary wrote.
func decodeSummary(fp omega.Fingerprint, v []byte) (s keyserver.Summary, ok bool) {
	if len(v) != summarySize && (len(v) != summarySize+1 || v[summarySize] != narrow) {
		return s, false
	}
	s = keyserver.Summary{Fingerprint: fp, Sequence: binary.BigEndian.Uint64(v), Narrow: len(v) > summarySize}
	copy(s.Hash[:], v[8:])
	return s, true
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
	head := binary.BigEndian.Uint16(b[summarySize:])
	n := int(head &^ (withReceipt | isNarrow))
	item.Narrow = head&isNarrow != 0
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
	if head&withReceipt != 0 {
		if len(b) < 1 || b[0] == 0 || len(b)-1 < int(b[0]) {
			return nil, errDamaged
		}
		size := 1 + int(b[0])
		item.Receipt, b = b[1:size:size], b[size:]
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
