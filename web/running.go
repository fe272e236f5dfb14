package web

import (
	"context"
	"io"
	"net/http"
	"os"
	"time"
)

// askRunning is how long the web face of another process may take to answer.
const askRunning = 2 * time.Second

// Running returns an address of the web face that another process serves for the
// same home, if there is one: it has the port that is remembered, and takes the
// secret for a token.
func Running(ctx context.Context, remembered string, secret []byte) (url string, ok bool) {
	port, err := os.ReadFile(remembered)
	address := loopback(string(port))
	if err != nil || address == "" {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, askRunning)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/token", nil)
	if err != nil {
		return "", false
	}
	q.Header.Set("Authorization", "Bearer "+seal(secret, "mint", time.Now()))
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", false
	}
	defer r.Body.Close()
	token, err := io.ReadAll(io.LimitReader(r.Body, 256))
	if err != nil || r.StatusCode != http.StatusOK || len(token) == 0 {
		return "", false
	}
	return "http://" + address + "/#" + string(token), true
}
