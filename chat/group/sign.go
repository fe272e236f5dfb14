package group

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// Genesis returns the unsigned first operation of a new group: o has author, time and
// what belongs to a genesis, but the nonce. The author is one of its owners, whether
// it is in o.Accounts or not; o.Rules may be nil.
func Genesis(rand io.Reader, o Op) (*Op, error) {
	o.Type, o.Accounts = TypeGenesis, slices.Clone(o.Accounts)
	if !slices.Contains(o.Accounts, o.Author.Account) {
		o.Accounts = append(o.Accounts, o.Author.Account)
	}
	if _, err := io.ReadFull(rand, o.Nonce[:]); err != nil {
		return nil, fmt.Errorf("new group: read randomness: %w", err)
	}
	return &o, o.seal()
}

// Next returns the unsigned operation o of author behind everything that the
// log knows: o's type and what belongs to it are taken, the rest is set here.
func (l *Log) Next(author Party, now time.Time, o Op) (*Op, error) {
	o.Group, o.Author, o.Time, o.Parents = l.ID(), author, now, l.parents(author.Account)
	o.Accounts, o.Messages = slices.Clone(o.Accounts), slices.Clone(o.Messages)
	o.Operations, o.Cosigners = slices.Clone(o.Operations), slices.Clone(o.Cosigners)
	o.Signatures = nil
	if err := o.seal(); err != nil {
		return nil, err
	}
	return &o, nil
}

// parents are the heads, or as many of them as an operation may have: first those
// by its author or about it, without which it may be no member in its own past.
func (l *Log) parents(author omega.Fingerprint) []Hash {
	heads := l.Heads()
	if len(heads) <= MaxParents {
		return heads
	}
	concerns := func(h Hash) int {
		if o := l.byHash[h].op; o.Author.Account == author || names(o, author) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(heads, func(a, b Hash) int { return concerns(a) - concerns(b) })
	heads = heads[:MaxParents]
	slices.SortFunc(heads, compareHash)
	return heads
}

// Checkpoint returns the unsigned checkpoint of what the log knows.
func (l *Log) Checkpoint(author Party, now time.Time, cosigners []Party) (*Op, error) {
	state, _ := l.StateAt(l.parents(author.Account))
	return l.Next(author, now, Op{Type: TypeCheckpoint, State: state.Hash(), Cosigners: cosigners})
}

// Sign adds the signature of one of the signers; they sign in the order of
// Signers.
func (o *Op) Sign(ctx context.Context, s pgp.Signer) error {
	if len(o.Signatures) > len(o.Cosigners) {
		return fmt.Errorf("sign %s: all have signed", o.Type)
	}
	sig, err := pgp.SignCompact(ctx, s, o.text, o.SignatureTime())
	if err != nil {
		return fmt.Errorf("sign %s: %w", o.Type, err)
	}
	o.Signatures = append(o.Signatures, sig)
	return nil
}

// Verify checks all signatures with the keys that key finds. It is cryptography
// alone: whether the devices were their accounts' then is the caller's question,
// and a good place for that is key. Its errors are passed on.
func (o *Op) Verify(key func(Party) (*pgp.PublicKey, error)) error {
	signers := o.Signers()
	if len(o.Signatures) != len(signers) {
		return malformed("%d signatures by %d signers", len(o.Signatures), len(signers))
	}
	for i, p := range signers {
		k, err := key(p)
		if err != nil {
			return err
		}
		if err := pgp.VerifyCompact(k, o.text, o.SignatureTime(), o.Signatures[i]); err != nil {
			return fmt.Errorf("%s %s by %s: %w", o.Type, o.hash, p.Account, err)
		}
	}
	return nil
}
