package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/internal/help"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/node"
	"github.com/omega-im/omega/pgp"
)

// maxPassed is how many servers that were not chosen are shown to people.
const maxPassed = 12

type joinCmd struct {
	Config  string `required:"" type:"existingfile" help:"${help_join_config}" placeholder:"FILE"`
	Explain bool   `help:"${help_join_explain}"`
	JSON    bool   `name:"json" help:"${help_json_object}"`
}

func (c *joinCmd) Run(ctx context.Context) error {
	lang := i18n.Detect(os.Getenv)
	if !c.Explain {
		return &i18n.Error{Text: i18n.T("join.only"), Err: nil}
	}
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	e, made, err := node.ExplainJoin(ctx, cfg)
	if made {
		fmt.Fprintln(os.Stderr, i18n.T("join.keys", cfg.Dir).In(lang))
	}
	if err != nil {
		return &i18n.Error{Text: i18n.T("why.join", whyNoEntry(err, lang)), Err: err}
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(explanationJSON(e))
	}
	return printExplanation(os.Stdout, e, lang)
}

// whyNoEntry says why there is no cloud to look at, a line for each member that
// was tried.
func whyNoEntry(err error, lang i18n.Lang) string {
	entries := node.Entries(err)
	if len(entries) == 0 {
		return i18n.Words(err, lang)
	}
	return i18n.T("join.nomember", entryLines(entries, lang)).In(lang)
}

func entryLines(entries []node.Entry, lang i18n.Lang) string {
	var out strings.Builder
	for _, e := range entries {
		out.WriteString("\n  " + e.Words().In(lang))
	}
	return out.String()
}

type (
	joinJSON struct {
		Server     omega.Fingerprint `json:"server"`
		Entry      entryJSON         `json:"entry"`
		Known      int               `json:"known"`
		Refused    int               `json:"refused"`
		State      string            `json:"state"`
		Members    int               `json:"members"`
		Required   int               `json:"required"`
		Bridges    []bridgeJSON      `json:"bridges"`
		Problem    string            `json:"problem"`
		Joins      bool              `json:"joins"`
		Candidates []candidateJSON   `json:"candidates"`
	}
	entryJSON struct {
		Server  omega.Fingerprint `json:"server"`
		Address string            `json:"address"`
		RTT     float64           `json:"rtt_ms"`
	}
	bridgeJSON struct {
		A omega.Fingerprint `json:"a"`
		B omega.Fingerprint `json:"b"`
	}
	candidateJSON struct {
		Server   omega.Fingerprint `json:"server"`
		Name     string            `json:"name"`
		Operator string            `json:"operator"`
		Site     string            `json:"site"`
		Chosen   bool              `json:"chosen"`
		Reason   string            `json:"reason"`
		Links    int               `json:"links"`
		RTT      float64           `json:"rtt_ms"`
		Answer   *answerJSON       `json:"answer,omitempty"`
	}
	answerJSON struct {
		Offer   bool    `json:"offer"`
		Refusal string  `json:"refusal,omitempty"`
		Text    string  `json:"text,omitempty"`
		Retry   int64   `json:"retry_ms,omitempty"`
		RTT     float64 `json:"rtt_ms"`
		Error   string  `json:"error,omitempty"`
	}
)

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func explanationJSON(e *cloud.Explanation) joinJSON {
	out := joinJSON{
		Server: e.Server, Entry: entryJSON{e.Entry, e.Address, ms(e.RTT)}, Known: e.Known, Refused: e.Refused,
		State: e.Plan.State.String(), Members: e.Plan.Members, Required: e.Plan.Required, Bridges: []bridgeJSON{},
		Problem: e.Plan.Problem.String(), Joins: e.Joins(), Candidates: []candidateJSON{},
	}
	for _, b := range e.Plan.Bridges {
		out.Bridges = append(out.Bridges, bridgeJSON{b.A, b.B})
	}
	for _, c := range e.Plan.Candidates {
		row := candidateJSON{
			Server: c.Server, Name: c.Name, Operator: c.Operator, Site: c.Site, Chosen: c.Verdict.Chosen(),
			Reason: c.Verdict.String(), Links: c.Degree, RTT: ms(c.RTT),
		}
		if a, ok := e.Answers[c.Server]; ok {
			row.Answer = answerOf(a)
		}
		out.Candidates = append(out.Candidates, row)
	}
	return out
}

func answerOf(a cloud.Answer) *answerJSON {
	out := &answerJSON{RTT: ms(a.RTT), Text: a.Text, Retry: a.Retry.Milliseconds()}
	switch {
	case a.Err != nil:
		out.Error = a.Err.Error()
	case a.Refusal != mesh.RefusalNone:
		out.Refusal = a.Refusal.String()
	default:
		out.Offer = true
	}
	return out
}

// A printer writes lines of the catalogue and remembers the first error.
type printer struct {
	w    io.Writer
	lang i18n.Lang
	err  error
}

func (p *printer) line(key string, args ...any) { p.text(i18n.T(key, args...).In(p.lang)) }

func (p *printer) text(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, s)
	}
}

func (p *printer) word(key string) string { return i18n.T(key).In(p.lang) }

func printExplanation(w io.Writer, e *cloud.Explanation, lang i18n.Lang) error {
	p := &printer{w: w, lang: lang}
	p.line("join.entry", e.Entry, e.Address, e.RTT.Round(10*time.Microsecond))
	p.line("join.known", p.word("join.state."+e.Plan.State.String()), e.Known, e.Plan.Members)
	if e.Refused > 0 {
		p.line("join.refused", e.Refused)
	}
	if n := len(e.Plan.Bridges); n > 0 {
		p.line("join.bridges", n)
	}
	p.line("join.required", e.Plan.Required)
	p.line("join.chosen")
	passed := 0
	for _, c := range e.Plan.Candidates {
		if !c.Verdict.Chosen() {
			if passed == 0 {
				p.line("join.passed")
			}
			if passed++; passed > maxPassed {
				continue
			}
		}
		p.candidate(c, e.Answers)
	}
	if passed > maxPassed {
		p.line("join.more", passed-maxPassed)
	}
	if e.Joins() {
		p.line("join.joins")
	} else {
		p.line("join.fails", p.word("refusal."+e.Plan.Problem.String()))
	}
	p.line("join.nothing")
	return p.err
}

func (p *printer) candidate(c mesh.Candidate, answers map[omega.Fingerprint]cloud.Answer) {
	name, operator := c.Name, c.Operator
	if name == "" {
		name = p.word("join.unnamed")
	}
	if operator == "" {
		operator = "—"
	}
	p.line("join.line", c.Server, name, operator, c.Degree, c.RTT.Round(10*time.Microsecond), p.word("verdict."+c.Verdict.String()))
	a, asked := answers[c.Server]
	switch {
	case !asked:
	case a.Err != nil:
		p.line("join.silent", help.Cause(a.Err.Error(), p.lang))
	case a.Refusal != mesh.RefusalNone:
		p.line("join.no", p.word("refusal."+a.Refusal.String()), help.Cause(a.Text, p.lang), a.Retry.Round(time.Millisecond))
	default:
		p.line("join.offer")
	}
}

type evidenceCmd struct {
	Config string `type:"existingfile" xor:"where" required:"" help:"${help_evidence_config}" placeholder:"FILE"`
	Dir    string `type:"existingdir" xor:"where" required:"" help:"${help_evidence_dir}" placeholder:"DIR"`
	JSON   bool   `name:"json" help:"${help_evidence_json}"`
}

type proofJSON struct {
	Server   omega.Fingerprint `json:"server"`
	Sequence uint64            `json:"sequence"`
	Issued   time.Time         `json:"issued"`
	Valid    bool              `json:"valid"`
	Error    string            `json:"error,omitempty"`
	First    string            `json:"first"`  // the two announcements, base64
	Second   string            `json:"second"` //
}

func (c *evidenceCmd) Run() error {
	dir := c.Dir
	if c.Config != "" {
		cfg, err := node.LoadConfig(c.Config)
		if err != nil {
			return err
		}
		dir = cfg.Dir
	}
	return c.print(os.Stdout, dir, i18n.Detect(os.Getenv))
}

// print shows what a server's directory holds.
func (c *evidenceCmd) print(w io.Writer, dir string, lang i18n.Lang) error {
	proofs, readErr := node.ReadEvidence(dir)
	if errors.Is(readErr, fs.ErrNotExist) {
		return &i18n.Error{Text: i18n.T("why.evidence", dir), Err: readErr}
	}
	p := &printer{w: w, lang: lang}
	bad := 0
	for _, proof := range proofs {
		if proof.Err != nil {
			bad++
		}
		if c.JSON {
			p.err = errors.Join(p.err, json.NewEncoder(w).Encode(proofOf(proof)))
			continue
		}
		verdict := p.word("evidence.valid")
		if proof.Err != nil {
			verdict = i18n.T("evidence.bad", proof.Err).In(p.lang)
		}
		p.line("evidence.line", proof.Server, proof.Sequence, proof.Issued.UTC().Format(time.RFC3339), verdict)
	}
	disputes, disputesErr := node.ReadDisputes(dir)
	for _, d := range disputes {
		if d.Err != nil {
			bad++
		}
		if c.JSON {
			p.err = errors.Join(p.err, json.NewEncoder(w).Encode(disputeOf(d)))
			continue
		}
		verdict := p.word("evidence.records")
		if d.Err != nil {
			verdict = i18n.T("evidence.bad", d.Err).In(p.lang)
		}
		p.line("evidence.account", d.Account, d.First.Device, d.First.Sequence, verdict)
	}
	if len(proofs)+len(disputes) == 0 && readErr == nil && disputesErr == nil && !c.JSON {
		p.line("evidence.none")
	}
	if bad > 0 && p.err == nil {
		p.err = &i18n.Error{Text: i18n.T("why.proofs", bad, len(proofs)+len(disputes)), Err: nil}
	}
	return errors.Join(readErr, disputesErr, p.err)
}

type disputeJSON struct {
	Account     omega.Fingerprint `json:"account"`
	Device      omega.Fingerprint `json:"device"`
	Sequence    uint64            `json:"sequence"`
	Valid       bool              `json:"valid"`
	Error       string            `json:"error,omitempty"`
	Certificate string            `json:"certificate"` // base64
	First       string            `json:"first"`       // the two location records, base64
	Second      string            `json:"second"`
}

func disputeOf(d node.Dispute) disputeJSON {
	out := disputeJSON{
		Account: d.Account, Device: d.First.Device, Sequence: d.First.Sequence, Valid: d.Err == nil,
		Certificate: base64.StdEncoding.EncodeToString(d.Certificate.Bytes()),
		First:       base64.StdEncoding.EncodeToString(d.First.Bytes()), Second: base64.StdEncoding.EncodeToString(d.Second.Bytes()),
	}
	if d.Err != nil {
		out.Error = d.Err.Error()
	}
	return out
}

func proofOf(p cloud.Proof) proofJSON {
	out := proofJSON{
		Server: p.Server, Sequence: p.Sequence, Issued: p.Issued.UTC(), Valid: p.Err == nil,
		First: base64.StdEncoding.EncodeToString(p.First), Second: base64.StdEncoding.EncodeToString(p.Second),
	}
	if p.Err != nil {
		out.Error = p.Err.Error()
	}
	return out
}

type vouchCmd struct {
	Config      string `required:"" type:"existingfile" help:"${help_vouch_config}" placeholder:"FILE"`
	Certificate string `arg:"" type:"existingfile" help:"${help_vouch_cert}" placeholder:"CERTIFICATE"`
}

func (c *vouchCmd) Run(ctx context.Context) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	sig, of, err := node.Vouch(ctx, cfg.Dir, c.Certificate)
	if err != nil {
		return &i18n.Error{Text: i18n.T("why.vouch", err), Err: err}
	}
	if _, err := fmt.Print(pgp.Armor("PGP SIGNATURE", sig)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stderr, i18n.T("vouch.next", of).In(i18n.Detect(os.Getenv)))
	return err
}
