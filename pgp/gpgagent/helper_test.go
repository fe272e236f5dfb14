package gpgagent

import (
	"bufio"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// assuanServer answers the lines that it reads until BYE or the end. Answers are
// whole lines without the last line end.
func assuanServer(r io.Reader, w io.Writer, answer func(line string) string) {
	fmt.Fprintln(w, "OK Pleased to meet you")
	for s := bufio.NewScanner(r); s.Scan(); {
		fmt.Fprintln(w, answer(s.Text()))
		if s.Text() == "BYE" {
			return
		}
	}
}

// runPinentry is a pinentry whose person does what pinentry.mode says. It keeps
// what it was sent in pinentry.log.
func runPinentry() {
	dir := os.Getenv("HELPER_DIR")
	mode, err := os.ReadFile(filepath.Join(dir, "pinentry.mode"))
	if err != nil {
		os.Exit(2)
	}
	log, err := os.OpenFile(filepath.Join(dir, "pinentry.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(2)
	}
	assuanServer(os.Stdin, os.Stdout, func(line string) string {
		fmt.Fprintln(log, line)
		if strings.HasPrefix(line, "GETINFO") {
			return "D test\nOK"
		}
		verb, passphrase, _ := strings.Cut(string(mode), " ")
		if line != "GETPIN" && (line != "CONFIRM" || verb != "cancel") {
			return "OK"
		}
		switch verb {
		case "ok":
			return "D " + passphrase + "\nOK"
		case "hang":
			if c, err := net.Dial("unix", filepath.Join(dir, "hang")); err == nil {
				io.Copy(io.Discard, c)
			}
		}
		return "ERR 83886179 Operation cancelled <Pinentry>"
	})
}

// runCard is a smart card daemon. The agent takes its standard input first, and
// its socket while that is in use.
func runCard() {
	dir := os.Getenv("HELPER_DIR")
	l, err := net.Listen("unix", filepath.Join(dir, "S.scdaemon"))
	if err != nil {
		os.Exit(2)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				assuanServer(c, c, new(card).answer)
			}()
		}
	}()
	assuanServer(os.Stdin, os.Stdout, new(card).answer)
}

// A card holds the Ed25519 seed in card.seed (hexadecimal). Without that file
// there is no card in the reader.
type card struct {
	data []byte // of SETDATA
}

func (c *card) answer(line string) string {
	dir := os.Getenv("HELPER_DIR")
	text, err := os.ReadFile(filepath.Join(dir, "card.seed"))
	command, args, _ := strings.Cut(line, " ")
	switch {
	case line == "GETINFO socket_name":
		return "D " + filepath.Join(dir, "S.scdaemon") + "\nOK"
	case err != nil && (command == "SERIALNO" || command == "PKSIGN"):
		return "ERR 100663408 Card not present <SCD>"
	case command == "SERIALNO":
		return "S SERIALNO " + cardSerial + " 0\nOK"
	case command == "SETDATA":
		c.data, _ = hex.DecodeString(args)
	case command == "PKSIGN":
		seed, _ := hex.DecodeString(string(text))
		digest := c.data[max(0, len(c.data)-32):] // behind the prefix of PKCS #1, which only RSA keys use
		return "D " + string(percent(ed25519.Sign(ed25519.NewKeyFromSeed(seed), digest))) + "\nOK"
	}
	return "OK"
}

// percent escapes octets for a D line.
func percent(b []byte) []byte {
	var out []byte
	for _, c := range b {
		out = appendEscaped(out, c)
	}
	return out
}
