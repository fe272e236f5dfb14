package gpgagent

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// secret looks for the secret of k in the agent. It returns the serial number
// of the smart card that has it, or "" if it is on disk.
func (a *Agent) secret(ctx context.Context, k *Key) (string, error) {
	fingerprint := k.public.Fingerprint().String()
	c, err := a.connect(ctx)
	if err != nil {
		return "", err
	}
	defer c.close()
	card, err := keyInfo(ctx, c, k.keygrip)
	if isCode(err, codeNotFound, codeNoSecretKey) {
		return "", &KeyError{Offline, fingerprint, ""}
	}
	if err != nil || card == "" {
		return "", err
	}
	if _, err := c.ask(ctx, "SCD SERIALNO --demand="+card); err != nil {
		if isCode(err) {
			return "", fmt.Errorf("%w: %w", &KeyError{CardMissing, fingerprint, card}, err)
		}
		return "", err
	}
	return card, nil
}

// keyInfo returns the serial number of the card that has a secret, or "". The
// status line is KEYINFO <keygrip> <type> <serialno> ..., and type T is a card.
func keyInfo(ctx context.Context, c *conn, keygrip string) (string, error) {
	rep, err := c.ask(ctx, "KEYINFO "+keygrip)
	if err != nil {
		return "", err
	}
	for _, line := range rep.status["KEYINFO"] {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != keygrip || f[1] != "T" {
			continue
		}
		if card := f[2]; card != "-" && strings.Trim(card, "0123456789ABCDEFabcdef") == "" {
			return card, nil
		}
	}
	return "", nil
}

// isCode reports whether err is an answer of the agent with one of the codes;
// without codes, any answer.
func isCode(err error, codes ...uint32) bool {
	var answer *AgentError
	if !errors.As(err, &answer) {
		return false
	}
	for _, code := range codes {
		if answer.Code&0xffff == code {
			return true
		}
	}
	return len(codes) == 0
}
