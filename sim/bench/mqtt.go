package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
)

// Packet types of MQTT 3.1.1 (section 2.2.1), in the high half of the first
// octet.
const (
	mqttConnect    = 1 << 4
	mqttConnAck    = 2 << 4
	mqttPublish    = 3 << 4
	mqttPubAck     = 4 << 4
	mqttSubscribe  = 8<<4 | 2
	mqttSubAck     = 9 << 4
	mqttDisconnect = 14 << 4

	mqttQoS1 = 1 << 1 // of a PUBLISH
)

// maxMQTTPacket bounds what a peer can make the generator hold, in octets.
const maxMQTTPacket = 1 << 20

// An mqttSession speaks MQTT 3.1.1 with a lasting session (clean session off)
// and QoS 1 both ways. Each user is subscribed to a topic of its own.
type mqttSession struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte // of the last packet; owned by Recv
	acks   []byte // PUBACKs not yet written; owned by Recv

	mu  sync.Mutex
	out []byte // guarded by mu
	id  uint16 // of the last packet sent; guarded by mu
}

func dialMQTT(ctx context.Context, user, port int) (session, error) {
	conn, err := dialTLS(ctx, user, port)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s := &mqttSession{conn: conn, reader: bufio.NewReader(conn)}
	if err := s.login("u" + strconv.Itoa(user)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in u%d: %w", user, err)
	}
	return s, nil
}

func (s *mqttSession) login(name string) error {
	connect := appendMQTTString(nil, "MQTT")
	connect = append(connect, 4, 0, 0, 0) // level 3.1.1, no flags, no keep alive
	if err := s.write(mqttConnect, appendMQTTString(connect, name)); err != nil {
		return err
	}
	kind, body, err := s.read()
	if err != nil {
		return err
	}
	if kind != mqttConnAck || len(body) != 2 || body[1] != 0 {
		return fmt.Errorf("CONNECT was answered by packet %#x % x", kind, body)
	}
	if body[0]&1 != 0 {
		return nil // the server has this session and its subscription
	}
	subscribe := appendMQTTString([]byte{0, 1}, name)
	if err := s.write(mqttSubscribe, append(subscribe, 1)); err != nil {
		return err
	}
	kind, body, err = s.read()
	if err == nil && (kind != mqttSubAck || len(body) != 3 || body[2] != 1) {
		err = fmt.Errorf("SUBSCRIBE was answered by packet %#x % x", kind, body)
	}
	return err
}

func appendMQTTString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// appendMQTTHeader appends the packet's first octet and its length (section
// 2.2.3: seven bits an octet, lowest first).
func appendMQTTHeader(b []byte, kind byte, length int) []byte {
	b = append(b, kind)
	for length >= 0x80 {
		b = append(b, byte(length)|0x80)
		length >>= 7
	}
	return append(b, byte(length))
}

func (s *mqttSession) write(kind byte, body []byte) error {
	_, err := s.conn.Write(append(appendMQTTHeader(nil, kind, len(body)), body...))
	return err
}

// read returns the next packet; its body is valid until the next call.
func (s *mqttSession) read() (kind byte, body []byte, err error) {
	if kind, err = s.reader.ReadByte(); err != nil {
		return 0, nil, err
	}
	length, err := binary.ReadUvarint(s.reader)
	if err != nil {
		return 0, nil, err
	}
	if length > maxMQTTPacket {
		return 0, nil, fmt.Errorf("packet %#x of %d octets is too long", kind, length)
	}
	if int(length) > cap(s.body) {
		s.body = make([]byte, length)
	}
	s.body = s.body[:length]
	_, err = io.ReadFull(s.reader, s.body)
	return kind, s.body, err
}

func (s *mqttSession) Send(to int, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id++
	if s.id == 0 {
		s.id = 1 // 0 is no packet id
	}
	var number [20]byte
	digits := strconv.AppendInt(number[:0], int64(to), 10)
	length := 2 + 1 + len(digits) + 2 + len(body)
	s.out = appendMQTTHeader(s.out[:0], mqttPublish|mqttQoS1, length)
	s.out = binary.BigEndian.AppendUint16(s.out, uint16(1+len(digits)))
	s.out = append(append(s.out, 'u'), digits...)
	s.out = binary.BigEndian.AppendUint16(s.out, s.id)
	s.out = append(s.out, body...)
	_, err := s.conn.Write(s.out)
	return err
}

func (s *mqttSession) Mark() error { return nil }

func (s *mqttSession) Recv() (event, error) {
	for {
		// What is acknowledged together costs one write, as in a real client.
		if len(s.acks) > 0 && s.reader.Buffered() == 0 {
			if _, err := s.conn.Write(s.acks); err != nil {
				return event{}, err
			}
			s.acks = s.acks[:0]
		}
		kind, body, err := s.read()
		if err != nil {
			return event{}, err
		}
		switch kind & 0xf0 {
		case mqttPubAck:
			return event{accepted: 1}, nil
		case mqttPublish:
			payload, err := s.take(kind, body)
			return event{body: payload}, err
		}
	}
}

// take notes the acknowledgement of a PUBLISH and returns its payload.
func (s *mqttSession) take(kind byte, body []byte) ([]byte, error) {
	if len(body) < 2 {
		return nil, errors.New("PUBLISH is short")
	}
	topic := 2 + int(binary.BigEndian.Uint16(body))
	if kind&mqttQoS1 == 0 || len(body) < topic+2 {
		return nil, fmt.Errorf("PUBLISH %#x of %d octets is not QoS 1", kind, len(body))
	}
	s.acks = append(s.acks, mqttPubAck, 2, body[topic], body[topic+1])
	return body[topic+2:], nil
}

func (s *mqttSession) Close() error {
	s.write(mqttDisconnect, nil) // the server may be dead already
	return s.conn.Close()
}
