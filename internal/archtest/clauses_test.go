package archtest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A clause of the specification is defined where its id starts a line in bold
// or a heading: **WIRE-3** or ### WIRE-3. Everywhere else the id is a citation.
var (
	clauseDefinition = regexp.MustCompile(`(?m)^(?:[-*] |#+ )?(?:\*\*|#+ )([A-Z][A-Z0-9]*-[0-9]+)\b`)
	clauseID         = regexp.MustCompile(`\b([A-Z][A-Z0-9]*)-[0-9]+\b`)
	fullCitation     = regexp.MustCompile(`\b(spec/[a-z0-9_-]+\.md)(?:, ([A-Z][A-Z0-9]*-[0-9]+)\b)?`)
)

// clauses maps each defined id to the file that defines it, and tells of ids
// that are defined twice.
func clauses(t *tree) (defined map[string]string, problems []string) {
	defined = make(map[string]string)
	for _, f := range t.files {
		if !isSpec(f) {
			continue
		}
		for _, m := range clauseDefinition.FindAllSubmatchIndex(f.src, -1) {
			id := string(f.src[m[2]:m[3]])
			if first, twice := defined[id]; twice {
				problems = append(problems, f.lineAt(m[2], "%s is defined in %s already", id, first))
				continue
			}
			defined[id] = f.path
		}
	}
	return defined, problems
}

func isSpec(f *file) bool { return path.Dir(f.path) == "spec" && path.Ext(f.path) == ".md" }

// checkClauses wants every citation to lead to a clause, and clause ids unique.
// Ids are told from words such as SHA-256 by their prefix: some clause has it.
func checkClauses(t *tree) []string {
	defined, problems := clauses(t)
	prefixes := make(map[string]bool)
	for id := range defined {
		prefixes[id[:strings.LastIndexByte(id, '-')]] = true
	}
	for _, f := range t.files {
		if under(f.dir, "internal/archtest") || !slices.Contains([]string{".go", ".ts", ".md", ".proto", ".sql"}, path.Ext(f.path)) {
			continue
		}
		problems = append(problems, deadIDs(f, prefixes, defined)...)
		problems = append(problems, deadCitations(t, f, defined)...)
	}
	return problems
}

func deadIDs(f *file, prefixes map[string]bool, defined map[string]string) []string {
	var problems []string
	for _, m := range clauseID.FindAllSubmatchIndex(f.src, -1) {
		id := string(f.src[m[0]:m[1]])
		if _, ok := defined[id]; !ok && prefixes[string(f.src[m[2]:m[3]])] {
			problems = append(problems, f.lineAt(m[0], "%s is defined nowhere in spec/", id))
		}
	}
	return problems
}

// deadCitations wants a citation with a file name to name the right file.
func deadCitations(t *tree, f *file, defined map[string]string) []string {
	var problems []string
	for _, m := range fullCitation.FindAllSubmatchIndex(f.src, -1) {
		name := string(f.src[m[2]:m[3]])
		if !slices.ContainsFunc(t.files, func(g *file) bool { return g.path == name }) {
			problems = append(problems, f.lineAt(m[0], "%s does not exist", name))
			continue
		}
		if m[4] < 0 {
			continue
		}
		if id := string(f.src[m[4]:m[5]]); defined[id] != name {
			problems = append(problems, f.lineAt(m[0], "%s", fmt.Sprintf("%s is not defined in %s", id, name)))
		}
	}
	return problems
}
