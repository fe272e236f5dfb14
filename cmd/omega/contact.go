package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/qr"
)

// contactCommands are about other people.
type contactCommands struct {
	Contact struct {
		List      contactListCmd      `cmd:"" default:"withargs" help:"${help_contact_list}"`
		Requests  contactRequestsCmd  `cmd:"" help:"${help_contact_requests}"`
		Show      contactShowCmd      `cmd:"" help:"${help_contact_show}"`
		Add       contactAddCmd       `cmd:"" aliases:"accept" help:"${help_contact_add}"`
		Name      contactNameCmd      `cmd:"" help:"${help_contact_name}"`
		Remove    contactRemoveCmd    `cmd:"" help:"${help_contact_remove}"`
		Decline   contactDeclineCmd   `cmd:"" help:"${help_contact_decline}"`
		Block     contactBlockCmd     `cmd:"" help:"${help_contact_block}"`
		Unblock   contactUnblockCmd   `cmd:"" help:"${help_contact_unblock}"`
		Report    contactReportCmd    `cmd:"" help:"${help_contact_report}"`
		Verify    contactVerifyCmd    `cmd:"" help:"${help_contact_verify}"`
		Certify   contactCertifyCmd   `cmd:"" help:"${help_contact_certify}"`
		Uncertify contactUncertifyCmd `cmd:"" help:"${help_contact_uncertify}"`
		Succeed   contactSucceedCmd   `cmd:"" help:"${help_contact_succeed}"`
	} `cmd:"" help:"${help_contact}"`
}

// contactHelp are their texts.
var contactHelp = []string{
	"contact", "contact_list", "contact_requests", "contact_show", "contact_add", "contact_name", "contact_remove", "contact_decline", "contact_block", "contact_unblock",
	"contact_report", "contact_verify", "contact_who", "contact_query", "contact_blocked", "contact_declined", "contact_petname", "contact_number", "contact_scan",
	"contact_off", "contact_dir", "contact_certify", "contact_uncertify", "contact_succeed", "account_inherit", "account_succeed", "id_qr",
}

// A contactArg names an account.
type contactArg struct {
	Who string `arg:"" help:"${help_contact_who}"`
}

func (c *contactArg) ref() clientrpc.ContactRef { return clientrpc.ContactRef{Account: c.Who} }

type contactListCmd struct {
	Query    string `arg:"" optional:"" help:"${help_contact_query}"`
	Blocked  bool   `help:"${help_contact_blocked}" xor:"which"`
	Declined bool   `help:"${help_contact_declined}" xor:"which"`
}

func (c *contactListCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.ContactsParams{Query: c.Query, Blocked: c.Blocked}
	if c.Declined {
		p.State = clientrpc.ContactDeclined
	}
	return everyPart(ctx, a, clientrpc.Contacts, p, c.none(), a.contactLines)
}

// none names what is said where there is nobody.
func (c *contactListCmd) none() string {
	switch {
	case c.Query != "":
		return "none.found"
	case c.Blocked:
		return "none.blocked"
	case c.Declined:
		return "none.declined"
	}
	return "none.contacts"
}

type contactRequestsCmd struct{}

func (c *contactRequestsCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.Contacts, clientrpc.ContactsParams{State: clientrpc.ContactRequest}, "none.requests", a.contactLines)
}

func (a *app) contactLines(r clientrpc.ContactsResult) error {
	for i := range r.Contacts {
		if err := a.contactLine(&r.Contacts[i]); err != nil {
			return err
		}
	}
	return nil
}

// contactLine prints one account of a list.
func (a *app) contactLine(c *clientrpc.Contact) error {
	if a.json {
		return a.line(c)
	}
	parts := []string{c.Account.String(), safe(called(c)), a.text("contact." + c.State)}
	if c.Blocked {
		parts = append(parts, a.text("contact.blocked"))
	}
	if c.Verified != "" {
		parts = append(parts, a.text("contact."+c.Verified))
	}
	if c.Key != clientrpc.KeyValid {
		parts = append(parts, a.text("contact.key."+c.Key))
	}
	a.columns(parts...)
	a.similar(c.Similar)
	return nil
}

// called is how an account is called here.
func called(c *clientrpc.Contact) string {
	if c.Petname != "" {
		return c.Petname
	}
	return c.Name
}

// similar warns of names that a person may take for others.
func (a *app) similar(list []clientrpc.NamedAccount) {
	for _, s := range list {
		if s.This {
			a.printf("    %s\n", a.text("contact.like"))
			continue
		}
		a.printf("    %s\n", a.text("contact.similar", safe(s.Name), keyID(s.Account)))
	}
}

type contactShowCmd struct{ contactArg }

func (c *contactShowCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.ShowContact, c.ref(), a.contact)
}

// contact prints everything about an account.
func (a *app) contact(c *clientrpc.Contact) error {
	if err := a.contactLine(c); err != nil || a.json {
		return err
	}
	a.printf("    %s\n", spaced(c.Account))
	if c.State == clientrpc.ContactRequest {
		a.printf("    %s\n", a.text("contact.first"))
	}
	if c.Petname != "" && c.Name != "" {
		a.printf("    %s\n", a.text("contact.called", safe(c.Name)))
	}
	var groups []string
	for _, g := range c.Groups {
		groups = append(groups, safe(g.Name))
	}
	if len(groups) == 0 {
		a.printf("    %s\n", a.text("contact.nogroups"))
	} else {
		a.printf("    %s\n", a.text("contact.groups", strings.Join(groups, "、")))
	}
	a.printf("    %s\n", a.text("contact.safety"))
	for half := range strings.SplitSeq(halves(c.Safety), "\n") {
		a.printf("      %s\n", half)
	}
	a.certifiers(c.Certified, "contact.certifiedby")
	switch asked := slices.ContainsFunc(c.Notices, func(n clientrpc.Notice) bool { return n.Kind == clientrpc.NoticeSucceeded }); {
	case asked:
		a.printf("    %s\n", a.advice("contact.successor", c.Successor))
	case !c.Successor.IsZero():
		a.printf("    %s\n", a.text("contact.goneon", c.Successor))
	}
	for _, d := range c.NewDevices {
		a.printf("    %s\n", a.text("contact.newdevice", safe(d.Name)+"  "+d.Fingerprint.String()))
	}
	if !c.Expires.IsZero() {
		a.printf("    %s\n", a.text("contact.expires", a.clock(c.Expires)))
	}
	for _, n := range c.Notices {
		a.printf("    ⚠ %s\n", a.advice("notice."+n.Kind, n.Sequence))
	}
	a.devices(c.Devices)
	return nil
}

// certifiers prints who certified a key.
func (a *app) certifiers(list []clientrpc.NamedAccount, key string) {
	var out []string
	for _, by := range list {
		name := strings.TrimSpace(safe(by.Name) + " " + keyID(by.Account))
		if by.This {
			name = a.text("contact.certifiedself")
		}
		out = append(out, name)
	}
	if len(out) > 0 {
		a.printf("    %s\n", a.text(key, strings.Join(out, "、")))
	}
}

// halves puts a safety number into two lines of six groups.
func halves(number string) string {
	groups := strings.Fields(number)
	n := len(groups) / 2
	return strings.Join(groups[:n], " ") + "\n" + strings.Join(groups[n:], " ")
}

type contactAddCmd struct {
	Who  string `arg:"" optional:"" help:"${help_contact_who}"`
	QR   string `name:"qr" type:"path" help:"${help_qr_read}" placeholder:"FILE.png"`
	Name string `help:"${help_contact_petname}"`
}

func (c *contactAddCmd) Run(ctx context.Context, a *app) (err error) {
	if (c.Who == "") == (c.QR == "") {
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.contactadd"), Why: i18n.T("why.whoorqr"), Next: i18n.T("next.whoorqr")}
	}
	if c.QR != "" {
		if c.Who, err = readQR(c.QR); err != nil {
			return err
		}
	}
	p := clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: c.Who}, Petname: c.Name}
	return calling(ctx, a, clientrpc.AddContact, p, a.contactLine)
}

type contactNameCmd struct {
	contactArg
	Name string `arg:"" optional:"" help:"${help_contact_petname}"`
}

func (c *contactNameCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.NameContact, clientrpc.NameContactParams{ContactRef: c.ref(), Petname: c.Name}, a.contactLine)
}

type contactRemoveCmd struct{ contactArg }

func (c *contactRemoveCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.RemoveContact, c.ref(), a.contactLine)
}

type contactDeclineCmd struct{ contactArg }

func (c *contactDeclineCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.DeclineContact, c.ref(), a.contactLine)
}

type contactBlockCmd struct{ contactArg }

func (c *contactBlockCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.BlockContact, clientrpc.BlockContactParams{ContactRef: c.ref()}, a.contactLine)
}

type contactUnblockCmd struct{ contactArg }

func (c *contactUnblockCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.BlockContact, clientrpc.BlockContactParams{ContactRef: c.ref(), Off: true}, a.contactLine)
}

type contactReportCmd struct {
	contactArg
	Dir string `help:"${help_contact_dir}" placeholder:"DIR"`
}

func (c *contactReportCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.ReportParams{ContactRef: c.ref()}
	if c.Dir != "" {
		var err error
		if p.Dir, err = filepath.Abs(c.Dir); err != nil {
			return err
		}
	}
	return calling(ctx, a, clientrpc.ReportContact, p, func(r *clientrpc.ReportResult) error {
		switch {
		case a.json:
			return a.line(r)
		case r.Dir == "":
			a.printf("%s\n", a.text("contact.reportednone"))
		default:
			a.printf("%s\n", a.text("contact.reported", r.Messages, r.Dir))
		}
		return nil
	})
}

type contactVerifyCmd struct {
	contactArg
	Number string `help:"${help_contact_number}" xor:"proof"`
	Scan   string `help:"${help_contact_scan}" xor:"proof" placeholder:"TEXT"`
	Off    bool   `help:"${help_contact_off}" xor:"proof"`
}

func (c *contactVerifyCmd) Run(ctx context.Context, a *app) error {
	p := clientrpc.VerifyParams{ContactRef: c.ref(), Number: c.Number, Scan: c.Scan, Off: c.Off}
	return calling(ctx, a, clientrpc.VerifyContact, p, a.contactLine)
}

type contactCertifyCmd struct{ contactArg }

func (c *contactCertifyCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.CertifyContact, c.ref(), a.contact)
}

type contactSucceedCmd struct{ contactArg }

func (c *contactSucceedCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.SucceedContact, c.ref(), a.contactLine)
}

// inheritCmd runs on the new account, succeedCmd on the old one.
type inheritCmd struct{ contactArg }

func (c *inheritCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	me, err := clientrpc.Account.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	r, err := clientrpc.Inherit.Call(ctx, conn, c.ref())
	switch {
	case err != nil:
		return err
	case a.json:
		return a.line(r)
	}
	a.printf("%s\n", a.text("inherit.done", r.Account, me.Fingerprint))
	return nil
}

type contactUncertifyCmd struct{ contactArg }

func (c *contactUncertifyCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.UncertifyContact, c.ref(), a.contact)
}

type succeedCmd struct{ contactArg }

func (c *succeedCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.Succeed, c.ref(), func(r *clientrpc.SucceedResult) error {
		if a.json {
			return a.line(r)
		}
		a.printf("%s\n", a.text("succeed.done", r.Told, r.New))
		return nil
	})
}

// symbol is a QR code for the standard output: on a terminal in black and white,
// whatever its colours are.
func (a *app) symbol(code *qr.Code) string {
	if out, ok := a.stdout.(*os.File); !ok || !term.IsTerminal(int(out.Fd())) {
		return code.String()
	}
	const colours, plain = "\x1b[38;5;231;48;5;16m", "\x1b[0m"
	var text strings.Builder
	for line := range strings.Lines(code.String()) {
		text.WriteString(colours + strings.TrimSuffix(line, "\n") + plain + "\n")
	}
	return text.String()
}

// showCard prints what others scan to add and verify this account.
func (a *app) showCard(r *clientrpc.CardResult) error {
	if a.json {
		return a.line(r)
	}
	code, err := qr.Encode(strings.ToUpper(r.Link))
	if err != nil {
		return err
	}
	a.printf("%s\n", a.symbol(code))
	a.account(r.Account)
	a.printf("  %s\n", r.Link)
	a.certifiers(r.Certified, "card.certifiedby")
	return nil
}
