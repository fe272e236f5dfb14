package clientrpc

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// declared finds what this package declares of a generic type, by wire name.
func declared(t *testing.T, generic string) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range names["clientrpc"].Files {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) == 0 {
				return true
			}
			lit, ok := spec.Values[0].(*ast.CompositeLit)
			if !ok || len(lit.Elts) != 1 || !strings.HasPrefix(nameOf(lit.Type), generic+"[") {
				return true
			}
			if name, ok := lit.Elts[0].(*ast.BasicLit); ok {
				wire := strings.Trim(name.Value, `"`)
				if other, twice := out[wire]; twice {
					t.Errorf("%s and %s are both called %s", other, spec.Names[0], wire)
				}
				out[wire] = spec.Names[0].Name
			}
			return true
		})
	}
	return out
}

// nameOf writes a generic type as far as its name goes.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.IndexExpr:
		return nameOf(e.X) + "["
	case *ast.IndexListExpr:
		return nameOf(e.X) + "["
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// sameNames wants what is declared in a registry, and nothing else.
func sameNames(t *testing.T, what string, declared map[string]string, specs []Spec) {
	t.Helper()
	if len(declared) < 2 {
		t.Fatalf("%d %ss are declared", len(declared), what)
	}
	listed := map[string]bool{}
	for _, s := range specs {
		if listed[s.Name] {
			t.Errorf("%s stands twice in the registry", s.Name)
		}
		listed[s.Name] = true
		if declared[s.Name] == "" {
			t.Errorf("%s %q is in the registry and is declared nowhere", what, s.Name)
		}
		if len(s.Doc) < 10 || len(s.Doc) > 120 || !strings.HasSuffix(s.Doc, ".") || strings.Contains(s.Doc, "\n") {
			t.Errorf("%s: %q is no sentence that says what it does", s.Name, s.Doc)
		}
	}
	for wire, name := range declared {
		if !listed[wire] {
			t.Errorf("%s %s (%q) is not in the registry: add its line to registry.go and run go generate ./clientrpc", what, name, wire)
		}
	}
	if !slices.IsSortedFunc(specs, func(a, b Spec) int { return cmp.Compare(a.Name, b.Name) }) {
		t.Errorf("the %ss are not in order of their names", what)
	}
}

func TestRegistryHasEveryMethod(t *testing.T) {
	sameNames(t, "method", declared(t, "Method"), Methods())
}

func TestRegistryHasEveryEvent(t *testing.T) {
	sameNames(t, "event", declared(t, "EventOf"), Events())
}

// TestRepeating: what is done for each call anew carries the caller's id.
func TestRepeating(t *testing.T) {
	for _, s := range Methods() {
		if s.Repeat == ByID && !s.CarriesID() {
			t.Errorf("%s has no id by which it could be repeated", s.Name)
		}
		if s.Repeat != Reads && s.Repeat != Sets && s.Repeat != ByID {
			t.Errorf("%s: repeated how: %q", s.Name, s.Repeat)
		}
		if len(s.Name) > 32 || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz._") != "" {
			t.Errorf("%q is no name of a method", s.Name)
		}
	}
}

// bounded are the lists that no call cuts, and what bounds them.
var bounded = map[string]string{
	"account": "devices in a certificate", "devices": "devices in a certificate", "device.contest": "devices in a certificate", "device.approve": "one device", "device.rename": "as devices", "device.revoke": "as devices",
	"homes": "omega.MaxHomes", "homes.set": "omega.MaxHomes", "status": "omega.MaxHomes, and notices that stand",
	"trace": "hops of a way", "lookup": "devices and homes of an account", "receive": "Count, and Confirm moves on",
	"history.days": "a year", "message": "one message", "group": "PageMax of each",
	"folder.set": "the first page of folders", "group.approve": "the first page of requests", "chat": "one chat", "chat.set": "one chat",
	"command.run": "the first page of what it lists",
	"import":      "chats of one file", "import.undo": "chats of one import", "file.send": "an album", "file.get": "servers of a blob",
	"group.create": "no members", "group.accept": "no members", "group.invite": "no members", "group.leave": "no members", "group.remove": "no members",
	"group.unban": "no members", "group.role": "no members", "group.profile": "no members", "group.policy": "the first members",
	"group.redact": "no members", "group.dissolve": "no members", "group.join": "no members",
	"account.inherit":   "PageMax of each",
	"contact.add":       "PageMax of each",
	"contact.block":     "PageMax of each",
	"contact.uncertify": "PageMax of each",
	"contact.certify":   "PageMax of each",
	"contact.decline":   "PageMax of each",
	"contact.name":      "PageMax of each",
	"contact.remove":    "PageMax of each",
	"contact.report":    "PageMax of each",
	"contact.show":      "PageMax of each",
	"contact.succeed":   "PageMax of each",
	"contact.verify":    "PageMax of each",
	"contact.card":      "PageMax of each",
	"setup":             "addresses on a command line", "setup.servers": "32", "setup.keys": "32", "setup.create": "devices in a certificate",
	"setup.unlock": "as setup", "message.short": "PageMax, as many as are asked about",
	"secure": "epochs whose keys live, and devices of two accounts", "secure.end": "as secure", "device.history": "devices of the account", "secure.start": "as secure",
	"stickers.add": "stickers of a pack, 120", "stickers.import": "the same", "stickers.show": "the same",
	"quota":           "omega.MaxHomes",
	"works":           "PageMax",
	"stickers.remove": "the first page of packs", "stickers.rename": "the same", "stickers.send": "one file", "stickers.share": "one file",
}

// TestListsArePaged wants parts of everything that can be long.
func TestListsArePaged(t *testing.T) {
	var unused = maps.Clone(bounded)
	for _, s := range Methods() {
		delete(unused, s.Name)
		list := longest(s.Resp, map[reflect.Type]bool{})
		if list != "" && !s.Paged() && bounded[s.Name] == "" {
			t.Errorf("%s answers with the whole of %s: embed Page and Rest, or say here what bounds it", s.Name, list)
		}
	}
	for name := range unused {
		t.Errorf("bounded: there is no method %s", name)
	}
}

// longest names a list in a type, or is empty.
func longest(typ reflect.Type, seen map[reflect.Type]bool) string {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || seen[typ] {
		return ""
	}
	seen[typ] = true
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() != reflect.Uint8 && f.Name != "Args" {
			return typ.Name() + "." + f.Name
		}
		if inner := longest(f.Type, seen); inner != "" {
			return inner
		}
	}
	return ""
}
