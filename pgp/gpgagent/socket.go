package gpgagent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

// redirectPrefix begins a file that stands for a socket elsewhere (libassuan
// manual, "Socket wrappers": assuan_sock_set_sockaddr_un).
const redirectPrefix = "%Assuan%\nsocket="

// nonceSize is the length of the secret in an emulated socket's file.
const nonceSize = 16

// dialSocket connects to the agent's socket: a Unix socket, a file that names
// one, or, on Windows, a file with a TCP port of the local host and the nonce
// that has to be sent first.
func dialSocket(ctx context.Context, path string, getenv func(string) string) (net.Conn, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("connect to gpg-agent: %w", err)
	}
	if !info.Mode().IsRegular() {
		return dialUnix(ctx, path)
	}
	file, err := readFile(path, 4096)
	if err != nil {
		return nil, fmt.Errorf("connect to gpg-agent: %w", err)
	}
	if target, ok := strings.CutPrefix(string(file), redirectPrefix); ok {
		target, _, _ = strings.Cut(target, "\n")
		return dialUnix(ctx, os.Expand(target, getenv))
	}
	return dialEmulated(ctx, file)
}

func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to gpg-agent: %w", err)
	}
	return c, nil
}

// dialEmulated reads "<port>\n<nonce>", connects and sends the nonce.
func dialEmulated(ctx context.Context, file []byte) (net.Conn, error) {
	number, nonce, _ := bytes.Cut(file, []byte("\n"))
	port, err := strconv.ParseUint(string(number), 10, 16)
	if err != nil || port == 0 || len(nonce) != nonceSize {
		return nil, errors.New("connect to gpg-agent: its socket file has an unknown form")
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", string(number)))
	if err != nil {
		return nil, fmt.Errorf("connect to gpg-agent: %w", err)
	}
	if _, err := c.Write(nonce); err != nil {
		return nil, fmt.Errorf("connect to gpg-agent: %w", errors.Join(err, c.Close()))
	}
	return c, nil
}

// readFile reads a small file, at most limit octets.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
