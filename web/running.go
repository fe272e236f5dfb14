package web

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// askRunning is how long the web face of another process may take to answer.
const askRunning = 2 * time.Second

// Running returns an address of the web face that another process serves for the
// same home, if there is one: it has the port that is remembered, and proves that it
// knows the secret before anything is shown to it. Whoever else has that port learns
// nothing that is worth something elsewhere.
func Running(ctx context.Context, remembered string, secret []byte) (url string, ok bool) {
	port, err := os.ReadFile(remembered)
	address := loopback(string(port))
	if err != nil || address == "" {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, askRunning)
	defer cancel()
	nonce := hex.EncodeToString(random(nonceSize / 2))
	if said, ok := askToken(ctx, address, nonce, ""); !ok || !same(said, seal(secret, "server", string(port), nonce)) {
		return "", false
	}
	token, ok := askToken(ctx, address, nonce, seal(secret, "owner", string(port), nonce))
	if !ok || len(token) != tokenSize*4/3 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return "", false
	}
	return "http://" + address + "/#" + token, true
}

func askToken(ctx context.Context, address, nonce, proof string) (string, bool) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/token", nil)
	if err != nil {
		return "", false
	}
	q.Header.Set("X-Omega-Nonce", nonce)
	q.Header.Set("X-Omega-Proof", proof)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", false
	}
	defer r.Body.Close()
	said, err := io.ReadAll(io.LimitReader(r.Body, 256))
	return string(said), err == nil && r.StatusCode == http.StatusOK
}
