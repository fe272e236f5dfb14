package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
)

// outside is the only package that speaks HTTP to servers that are not ours, and
// it can only look up. (spec/keys.md, KEYS-17)
const outside = "keyserver/fallback"

// asking are the names of net/http by which a program asks others.
var asking = []string{
	"Get", "Head", "Post", "PostForm", "NewRequest", "NewRequestWithContext", "Request", "ReadRequest",
	"Client", "DefaultClient", "Transport", "DefaultTransport", "RoundTripper", "NewFileTransport",
}

// askers are the files that ask somebody else, and whom. Package http is
// also what servers answer with: *http.Request in a signature is theirs.
var askers = []struct {
	file  string
	names []string
	why   string
}{
	{outside + "/outside.go", []string{"Transport", "Request"}, "public key servers: look-up only"},
	{"transport/dial_websocket.go", []string{"Transport", "Client", "Request"}, "a session with one of our own servers, over a WebSocket"},
	{"node/backup.go", []string{"NewRequestWithContext", "DefaultClient"}, "the admin listener of this server"},
	{"node/admin.go", []string{"NewRequestWithContext", "Client", "Transport"}, "the admin listener of this server"},
	{"cmd/omega-try/cloud.go", []string{"NewRequestWithContext", "DefaultClient"}, "the trial cloud on this machine"},
	{"web/running.go", []string{"NewRequestWithContext", "DefaultClient"}, "the web face of the same home, on this machine"},
	{"sim/bench/ejabberd.go", []string{"NewRequestWithContext", "DefaultClient"}, "the peer under measurement, on this machine"},
}

// clients are packages that speak to others by themselves.
var clients = []string{"net/rpc", "net/smtp", "net/http/httputil", "golang.org/x/net/http2", "github.com/emersion/go-openpgp-hkp"}

// checkOutgoing wants requests to others only where the table says so, and every
// row of the table to be needed.
func checkOutgoing(t *tree) []string {
	var problems []string
	used := map[string]bool{}
	for _, f := range t.goFiles() {
		if f.test {
			continue
		}
		for _, imp := range f.imports() {
			if slices.Contains(clients, imp.path) {
				problems = append(problems, t.at(imp.pos, "%s imports %s: only %s talks to servers that are not ours", f.dir, imp.path, outside))
			}
			if imp.path == "net/http" {
				for _, sel := range askingIn(f, imp.name) {
					if !mayAsk(f.path, sel.Sel.Name) {
						problems = append(problems, t.at(sel.Pos(), "http.%s: only the files of the table of askers send requests", sel.Sel.Name))
					}
					used[f.path+" "+sel.Sel.Name] = true
				}
			}
		}
	}
	for _, a := range askers {
		for _, name := range a.names {
			if t.has(a.file) && !used[a.file+" "+name] {
				problems = append(problems, fmt.Sprintf("table of askers: %s does not use http.%s", a.file, name))
			}
		}
	}
	return problems
}

func (t *tree) has(path string) bool {
	return slices.ContainsFunc(t.files, func(f *file) bool { return f.path == path })
}

func mayAsk(path, name string) bool {
	for _, a := range askers {
		if a.file == path && slices.Contains(a.names, name) {
			return true
		}
	}
	return false
}

// askingIn finds where a file asks by the package that it calls pkg.
func askingIn(f *file, pkg string) (out []*ast.SelectorExpr) {
	answered := map[ast.Node]bool{} // parameters of type *http.Request
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if fn, ok := n.(*ast.FuncType); ok && f.path != outside+"/outside.go" {
			for _, p := range fn.Params.List {
				if ptr, ok := p.Type.(*ast.StarExpr); ok {
					answered[ptr.X] = true
				}
			}
		}
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || answered[sel] {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg && slices.Contains(asking, sel.Sel.Name) {
			out = append(out, sel)
		}
		return true
	})
	return out
}

// dialling are the functions by which connections are made.
var dialling = regexp.MustCompile("^(Dial|Listen|Client)")

// What the guarded package may use of net/http, and set in a request: a field
// more, and it could send something.
var (
	guardedNames  = []string{"Transport", "Request", "Header", "MethodGet", "StatusOK", "StatusNotFound"}
	guardedFields = []string{"Method", "URL", "Header"}
	guardedBans   = []string{"os/exec", "syscall", "golang.org/x/sys/unix"}
)

// checkGuarded wants the package that talks to the outside to be unable to send.
func checkGuarded(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		if f.test || f.dir != outside {
			continue
		}
		names := map[string]string{} // import path by name
		for _, imp := range f.imports() {
			names[imp.name] = imp.path
			if slices.Contains(guardedBans, imp.path) {
				problems = append(problems, t.at(imp.pos, "%s imports %s", f.dir, imp.path))
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if ok && names[x.Name] == "net/http" && !slices.Contains(guardedNames, n.Sel.Name) {
					problems = append(problems, t.at(n.Pos(), "%s uses http.%s", f.dir, n.Sel.Name))
				}
				if ok && (names[x.Name] == "net" || names[x.Name] == "crypto/tls") && dialling.MatchString(n.Sel.Name) {
					problems = append(problems, t.at(n.Pos(), "%s uses %s.%s", f.dir, x.Name, n.Sel.Name))
				}
			case *ast.CompositeLit:
				if sel, ok := n.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Request" {
					problems = append(problems, t.requestProblems(n)...)
				}
			case *ast.AssignStmt:
				for _, to := range n.Lhs {
					if sel, ok := to.(*ast.SelectorExpr); ok && slices.Contains([]string{"Method", "Body", "GetBody", "Proxy", "ContentLength"}, sel.Sel.Name) {
						problems = append(problems, t.at(to.Pos(), "%s sets %s after the fact", f.dir, sel.Sel.Name))
					}
				}
			}
			return true
		})
	}
	return problems
}

// requestProblems wants a request that is GET and has nothing to send.
func (t *tree) requestProblems(lit *ast.CompositeLit) (problems []string) {
	get := false
	for _, elt := range lit.Elts {
		kv, ok := elt.(*ast.KeyValueExpr)
		if !ok {
			return append(problems, t.at(elt.Pos(), "a request without names of fields"))
		}
		name := kv.Key.(*ast.Ident).Name
		if !slices.Contains(guardedFields, name) {
			problems = append(problems, t.at(kv.Pos(), "a request with %s", name))
		}
		if sel, ok := kv.Value.(*ast.SelectorExpr); ok && name == "Method" && sel.Sel.Name == "MethodGet" {
			get = true
		}
	}
	if !get {
		problems = append(problems, t.at(lit.Pos(), "a request that is not http.MethodGet"))
	}
	return problems
}

// telling are words by which keys are sent somewhere, or that name where. They
// may stand in the text constants of the folders beside them, and nowhere else.
var telling = []struct {
	what *regexp.Regexp
	in   []string
}{
	{regexp.MustCompile(`vks/v1/(upload|request)`), []string{"sim/canary"}},
	{regexp.MustCompile(`pks/add`), []string{"keyserver/hkp", "node", "sim/canary"}},
	{regexp.MustCompile(`--send-keys|keyserver send`), []string{"keyserver/hkp", "sim/canary"}},
	{regexp.MustCompile(`refresh-keys|recv-keys|search-keys|auto-key-locate.*keyserver`), []string{"keyserver/hkp", "sim/canary"}},
	{regexp.MustCompile(`(?i)keys\.openpgp\.org|keyserver\.ubuntu\.com|pgp\.mit\.edu|keys\.gnupg\.net|keys\.mailvelope\.com|sks-keyservers`), []string{outside, "sim/canary"}},
	{regexp.MustCompile(`dirmngr\.conf`), []string{"keyserver/hkp", "sim/canary"}},
	{regexp.MustCompile(`hkps://|hkp://`), []string{"keyserver/hkp", outside, "sim/canary"}},
}

// severalKeyServers is a configuration of gpg with more than one key server: gpg
// sends a key to every one of them.
var severalKeyServers = regexp.MustCompile(`(?s)keyserver\s+\S*://.*keyserver\s+\S*://`)

// checkUploads wants no text that has a key sent anywhere but to our own servers.
func checkUploads(t *tree) []string {
	var problems []string
	for _, f := range t.goFiles() {
		if f.dir == "internal/archtest" {
			continue // this table
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				return true
			}
			for _, rule := range telling {
				if !slices.Contains(rule.in, f.dir) && rule.what.MatchString(text) {
					problems = append(problems, t.at(lit.Pos(), "%v: keys are sent to no key server but ours (spec/keys.md, KEYS-15)", rule.what))
				}
			}
			if severalKeyServers.MatchString(text) {
				problems = append(problems, t.at(lit.Pos(), "two key servers in one configuration: gpg sends keys to all of them"))
			}
			return true
		})
	}
	return problems
}
