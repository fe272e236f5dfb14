// Package archive reads the files that other messengers export and writes the
// ones that this one does: formats, and nothing else. What is read is a stream, whatever the size of the
// file; every length is checked before it is kept. (spec/archive.md)
package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
)

// Sources of imported messages.
const (
	LINE     = "line"     // .txt of a LINE chat
	Telegram = "telegram" // result.json of Telegram Desktop
)

// Kinds of messages that are not a text.
const (
	KindText   = "text"
	KindMedia  = "media"  // of which the text says what it was
	KindSystem = "system" // what the other messenger said itself
)

// Limits of what is read.
const (
	MaxName   = 256     // octets of the name of a person or a chat; longer ones are cut
	maxLine   = 1 << 20 // octets of one line of a LINE file
	maxObject = 8 << 20 // octets of one message of a Telegram file
	maxDay    = 1 << 20 // messages of one day of a LINE chat
)

// A Message of a file. Nothing in it is proven.
type Message struct {
	Source string
	Chat   string // what tells chats of a source apart: LINE's title, Telegram's id
	Title  string
	Key    string // what tells messages of a chat apart: the same in every export of the chat
	Author string // empty: nobody
	Time   time.Time
	Kind   string
	Text   string
}

// An Error says where a file is not what it should be.
type Error struct {
	Line int // from 1; 0: of a message of a Telegram file
	Item int // from 1: number of that message; 0: the file itself
	Why  error
}

// Error names the place and what is wrong there.
func (e *Error) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("line %d: %v", e.Line, e.Why)
	case e.Item > 0:
		return fmt.Sprintf("message %d: %v", e.Item, e.Why)
	}
	return e.Why.Error()
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Why }

// What is wrong with a file.
var (
	ErrUnknown = errors.New("neither a chat of LINE nor a result.json of Telegram")
	ErrLong    = errors.New("longer than a message can be")
	ErrMany    = errors.New("more messages than a day has room for")
)

// Read reads a file of one of the sources and calls put for each message, in the
// order of the file. name stands in for a title that is missing; zone is where
// times without one are of. An error of put ends it and is returned as it is.
func Read(r io.Reader, name string, zone *time.Location, put func(*Message) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	head, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
	}
	head, err = in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if trimmed := bytes.TrimLeft(head, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		return readTelegram(in, zone, put)
	}
	return readLINE(in, name, zone, put)
}

// cut shortens a name to MaxName octets, at the end of a character.
func cut(name string) string {
	if len(name) <= MaxName {
		return name
	}
	n := MaxName
	for n > 0 && name[n]&0xc0 == 0x80 {
		n--
	}
	return name[:n]
}

func checkText(text string) error {
	if len(text) > omega.MaxText {
		return fmt.Errorf("%w: %d octets", ErrLong, len(text))
	}
	return nil
}
