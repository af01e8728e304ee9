// Package evenkeel_test holds the rules of the house that a compiler does not know: who
// may import whom, how files are called, what documents promise. A rule that no longer
// applies to anything fails as well, so that the tables below stay true.
package evenkeel_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/evenkeel/evenkeel/"

	// A file is a noun; longer than this it is two.
	maxLines     = 500
	maxTestLines = 600
)

// mayImport is the order of the house, from the ground up: each package, and which of our
// own it imports. INTERNAL stands for proxy/internal, CONSTRUCTS for infra/constructs. An import that is not here is wrong
// until the order is changed on purpose; one that is here and not made is removed.
const mayImport = `
	spec:
	targethealth:
	environments:
	aggregate: spec targethealth
	emf:

	# What all of the proxy speaks in, and what only decides.
	INTERNAL/exchange:
	INTERNAL/http1: INTERNAL/exchange
	INTERNAL/client: INTERNAL/exchange
	INTERNAL/desync: INTERNAL/exchange
	INTERNAL/routing: INTERNAL/exchange spec
	INTERNAL/answer: INTERNAL/exchange INTERNAL/routing
	INTERNAL/balance:
	INTERNAL/sticky:

	# Sockets, and what targets are reached by.
	INTERNAL/socket:
	INTERNAL/wire: INTERNAL/socket
	INTERNAL/http2: INTERNAL/exchange INTERNAL/wire
	INTERNAL/targetconn: INTERNAL/socket INTERNAL/wire
	INTERNAL/telemetry: targethealth
	INTERNAL/target: INTERNAL/balance INTERNAL/exchange INTERNAL/http2 INTERNAL/sticky INTERNAL/targetconn INTERNAL/telemetry spec targethealth
	INTERNAL/health: INTERNAL/exchange INTERNAL/http1 INTERNAL/target INTERNAL/telemetry INTERNAL/wire spec targethealth

	INTERNAL/proxyheader:
	INTERNAL/discovery: spec

	# A request's life.
	INTERNAL/waf: INTERNAL/client INTERNAL/exchange INTERNAL/wire spec
	INTERNAL/cache: INTERNAL/exchange INTERNAL/routing INTERNAL/sticky INTERNAL/wire spec
	INTERNAL/edge: INTERNAL/cache INTERNAL/exchange INTERNAL/routing INTERNAL/wire spec
	INTERNAL/forward: aggregate INTERNAL/answer INTERNAL/balance INTERNAL/client INTERNAL/desync INTERNAL/edge INTERNAL/exchange INTERNAL/http1 INTERNAL/http2 INTERNAL/routing INTERNAL/sticky INTERNAL/target INTERNAL/targetconn INTERNAL/telemetry INTERNAL/waf INTERNAL/wire spec

	# What stands around it.
	INTERNAL/accesslog: INTERNAL/exchange INTERNAL/waf spec
	INTERNAL/metrics: INTERNAL/exchange spec targethealth
	INTERNAL/signin:
	INTERNAL/admin: aggregate INTERNAL/signin INTERNAL/telemetry spec targethealth
	INTERNAL/tlspolicy:
	INTERNAL/certs: spec
	INTERNAL/watch:
	INTERNAL/elbv2api: INTERNAL/tlspolicy spec targethealth
	INTERNAL/server: aggregate INTERNAL/accesslog INTERNAL/admin INTERNAL/answer INTERNAL/cache INTERNAL/certs INTERNAL/client INTERNAL/discovery INTERNAL/edge INTERNAL/elbv2api INTERNAL/exchange INTERNAL/forward INTERNAL/health INTERNAL/http1 INTERNAL/http2 INTERNAL/metrics INTERNAL/proxyheader INTERNAL/signin INTERNAL/socket INTERNAL/sticky INTERNAL/target INTERNAL/telemetry INTERNAL/tlspolicy INTERNAL/waf INTERNAL/wire spec targethealth

	# The program.
	INTERNAL/demo: INTERNAL/certs environments spec
	INTERNAL/prometheus: spec
	INTERNAL/grafana: spec
	INTERNAL/agent: spec
	INTERNAL/doctor: INTERNAL/admin INTERNAL/telemetry spec targethealth
	INTERNAL/top: INTERNAL/admin INTERNAL/telemetry targethealth
	INTERNAL/importer: spec
	INTERNAL/importer/haproxy: INTERNAL/importer spec
	INTERNAL/importer/nginx: INTERNAL/importer spec
	INTERNAL/command: INTERNAL/admin INTERNAL/agent INTERNAL/demo INTERNAL/doctor INTERNAL/edge INTERNAL/grafana INTERNAL/importer INTERNAL/importer/haproxy INTERNAL/importer/nginx INTERNAL/prometheus INTERNAL/server INTERNAL/signin INTERNAL/tlspolicy INTERNAL/top INTERNAL/watch spec
	proxy: INTERNAL/command

	# The functions on AWS.
	lambdas/drain: emf spec
	lambdas/health: aggregate emf spec targethealth

	# What reads synthesized templates, without CDK.
	infra/template:
	infra/cost: infra/template
	infra/estimate: infra/cost infra/template

	# The CDK app, from what converts and accepts to what decides and what composes.
	infra/convert:
	infra/nag: infra/convert
	CONSTRUCTS/network: infra/convert infra/nag spec
	CONSTRUCTS/data: CONSTRUCTS/network infra/convert infra/nag spec
	CONSTRUCTS/function: infra/convert infra/nag spec
	CONSTRUCTS/drain: CONSTRUCTS/function infra/convert infra/nag spec
	CONSTRUCTS/health: CONSTRUCTS/function infra/convert infra/nag spec
	CONSTRUCTS/loadbalancer: infra/convert infra/nag spec
	CONSTRUCTS/fleet: infra/convert infra/nag spec
	CONSTRUCTS/waf: infra/convert spec
	CONSTRUCTS/edge: infra/convert infra/nag spec
	CONSTRUCTS/alarm: infra/convert infra/nag spec
	CONSTRUCTS/dashboard: CONSTRUCTS/alarm spec
	infra/refusal: spec
	infra/stacks: CONSTRUCTS/alarm CONSTRUCTS/dashboard CONSTRUCTS/data CONSTRUCTS/drain CONSTRUCTS/edge CONSTRUCTS/fleet CONSTRUCTS/health CONSTRUCTS/loadbalancer CONSTRUCTS/network CONSTRUCTS/waf infra/refusal spec
	infra: infra/nag infra/refusal infra/stacks spec
`

var mayImportInFull = strings.NewReplacer("INTERNAL", "proxy/internal", "CONSTRUCTS", "infra/constructs").Replace(mayImport)

// pure packages decide and do nothing else: no sockets, clocks, loggers or chance, so that
// a table of inputs and outputs tests all of them.
var pure = []string{"proxy/internal/answer", "proxy/internal/balance", "proxy/internal/client", "proxy/internal/desync", "proxy/internal/http1", "proxy/internal/routing"}

// impure is what a pure package cannot import.
var impure = []string{"crypto/rand", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os"}

// netHTTP are the packages that work with net/http. What proxies a request does not: its
// types cost several times what proxying costs. In edge it serves files, and nothing else.
var netHTTP = []string{
	"aggregate", "lambdas/drain", "proxy/internal/admin", "proxy/internal/agent", "proxy/internal/demo", "proxy/internal/edge", "proxy/internal/elbv2api", "proxy/internal/health", "proxy/internal/http2", "proxy/internal/metrics",
}

// netHTTPNames are the packages that take nothing but names of statuses and formats from it.
var netHTTPNames = []string{"lambdas/health", "proxy/internal/accesslog", "proxy/internal/cache", "proxy/internal/forward", "proxy/internal/waf"}

// source is one Go file.
type source struct {
	path  string // from the root, with slashes
	dir   string
	test  bool
	lines int
	file  *ast.File
	fset  *token.FileSet
}

func (s *source) imports() []string {
	list := make([]string, len(s.file.Imports))
	for i, spec := range s.file.Imports {
		list[i], _ = strconv.Unquote(spec.Path.Value)
	}
	return list
}

// tree lists every file of the repository, without what is built or fetched.
func tree(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch base := entry.Name(); {
			case name == ".":
			case base == ".ci":
			case strings.HasPrefix(base, "."), name == "dist", name == "bin", base == "node_modules", base == "cdk.out", base == "testdata":
				return filepath.SkipDir
			}
			return nil
		}
		files = append(files, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sources(t *testing.T) []*source {
	t.Helper()
	var list []*source
	for _, name := range tree(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s := &source{path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), fset: token.NewFileSet()}
		s.lines = strings.Count(string(text), "\n")
		if s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// order reads mayImport.
func order(t *testing.T) map[string][]string {
	t.Helper()
	rules := map[string][]string{}
	for line := range strings.Lines(mayImportInFull) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, imports, ok := strings.Cut(line, ":")
		if !ok || rules[name] != nil {
			t.Fatalf("mayImport: bad or repeated line %q", line)
		}
		rules[name] = append([]string{}, strings.Fields(imports)...)
	}
	return rules
}

func TestImportsGoOneWay(t *testing.T) {
	rules := order(t)
	made := map[string]map[string]bool{}
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.dir, "test/") {
			continue
		}
		if made[s.dir] == nil {
			made[s.dir] = map[string]bool{}
		}
		for _, name := range s.imports() {
			own, ours := strings.CutPrefix(name, module)
			if !ours {
				continue
			}
			made[s.dir][own] = true
			if !slices.Contains(rules[s.dir], own) {
				t.Errorf("%s imports %s, which mayImport does not allow", s.path, own)
			}
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(mayImportInFull) {
		name, imports, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		seen[name] = true
		for i := range strings.FieldsSeq(imports) {
			if !seen[i] {
				t.Errorf("mayImport: %s stands before %s, which it imports", name, i)
			}
			if made[name] != nil && !made[name][i] {
				t.Errorf("mayImport: %s does not import %s any more", name, i)
			}
		}
	}
	for name := range made {
		if rules[name] == nil {
			t.Errorf("mayImport has no line for %s", name)
		}
	}
	for name := range rules {
		if made[name] == nil {
			t.Errorf("mayImport has a line for %s, which does not exist", name)
		}
	}
}

func TestPurePackagesOnlyDecide(t *testing.T) {
	exists := map[string]bool{}
	for _, s := range sources(t) {
		exists[s.dir] = true
		if s.test || !slices.Contains(pure, s.dir) {
			continue
		}
		for _, name := range s.imports() {
			if slices.Contains(impure, name) {
				t.Errorf("%s imports %s; a pure package only decides", s.path, name)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if name := selector(n); name == "time.Now" || name == "time.Since" || name == "time.Until" {
				t.Errorf("%s: %s; a pure package is given the time", s.fset.Position(n.Pos()), name)
			}
			return true
		})
	}
	for _, name := range pure {
		if !exists[name] {
			t.Errorf("pure names %s, which does not exist", name)
		}
	}
}

// selector is `package.Name` of such an expression, else empty.
func selector(n ast.Node) string {
	if sel, ok := n.(*ast.SelectorExpr); ok {
		if x, ok := sel.X.(*ast.Ident); ok {
			return x.Name + "." + sel.Sel.Name
		}
	}
	return ""
}

// importers lists the directories outside test/ whose non-test files import a package for
// which match holds.
func importers(t *testing.T, match func(string) bool) []string {
	t.Helper()
	found := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test && !strings.HasPrefix(s.dir, "test/") && slices.ContainsFunc(s.imports(), match) {
			found[s.dir] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestOnlyTheseImportNetHTTP(t *testing.T) {
	got := importers(t, func(name string) bool { return name == "net/http" })
	want := slices.Sorted(slices.Values(slices.Concat(netHTTP, netHTTPNames)))
	if !slices.Equal(got, want) {
		t.Errorf("net/http is imported by\n%q, want\n%q", got, want)
	}
	for _, s := range sources(t) {
		if s.test || !slices.Contains(netHTTPNames, s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			name, ok := strings.CutPrefix(selector(n), "http.")
			if ok && !strings.HasPrefix(name, "Status") && !strings.HasPrefix(name, "Method") && name != "TimeFormat" {
				t.Errorf("%s: http.%s is more than a name", s.fset.Position(n.Pos()), name)
			}
			return true
		})
	}
}

func TestOnlySpecReadsYAML(t *testing.T) {
	got := importers(t, func(name string) bool { return strings.Contains(name, "yaml") })
	if want := []string{"spec"}; !slices.Equal(got, want) {
		t.Errorf("YAML is read by %q, want %q", got, want)
	}
}

func TestProductionLinksNoTests(t *testing.T) {
	for _, dir := range importers(t, func(name string) bool {
		return name == "testing" || strings.HasPrefix(name, "testing/") || strings.HasPrefix(name, module+"test/")
	}) {
		t.Errorf("%s imports testing or test/ in a file that is no test", dir)
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments, all := map[string][]string{}, map[string]bool{}
	for _, s := range sources(t) {
		// A package of tests beside the one that it tests needs no introduction.
		if s.test && !(s.dir == ".") {
			continue
		}
		all[s.dir] = true
		if s.file.Doc != nil {
			comments[s.dir] = append(comments[s.dir], s.path)
			name := s.file.Name.Name
			if text := s.file.Doc.Text(); !strings.HasPrefix(text, "Package "+name+" ") && (name != "main" || !strings.HasPrefix(text, "Command ")) {
				t.Errorf("%s: the comment does not begin with %q", s.path, "Package "+name)
			}
		}
	}
	for dir := range all {
		if n := len(comments[dir]); n != 1 {
			t.Errorf("package %s has %d comments, want one: %q", dir, n, comments[dir])
		}
	}
}

// TestNamesSayWhat refuses names that could be anything's, and words for which AWS has
// another (docs/glossary.md).
func TestNamesSayWhat(t *testing.T) {
	vague := []string{"common", "helper", "helpers", "misc", "shared", "types", "util", "utils"}
	avoided := []string{"backend", "upstream", "downstream", "vhost"}
	for _, s := range sources(t) {
		words := strings.Split(strings.TrimSuffix(path.Base(s.path), ".go"), "_")
		for _, word := range append(words, path.Base(s.dir)) {
			if slices.Contains(vague, word) || slices.Contains(avoided, word) {
				t.Errorf("%s: %q names nothing of ours", s.path, word)
			}
		}
		if strings.HasPrefix(s.dir, "test/bench") {
			continue // the rivals have words of their own
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			for _, word := range avoided {
				if strings.Contains(strings.ToLower(id.Name), word) {
					t.Errorf("%s: %s: say it in ALB's words", s.fset.Position(id.Pos()), id.Name)
				}
			}
			return true
		})
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		most := maxLines
		if s.test {
			most = maxTestLines
		}
		if s.lines > most {
			t.Errorf("%s has %d lines, most are %d", s.path, s.lines, most)
		}
	}
}

// TestTestsTest refuses tests that do not run, and tests that wait for luck: a sleep is for
// the fake clock of testing/synctest.
func TestTestsTest(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		fake := slices.Contains(s.imports(), "testing/synctest")
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch name := sel.Sel.Name; {
			case name == "Skip", name == "Skipf", name == "SkipNow":
				t.Errorf("%s: %s: a test that cannot run fails", s.fset.Position(n.Pos()), name)
			case selector(n) == "time.Sleep" && !fake && !strings.HasPrefix(s.dir, "test/"):
				t.Errorf("%s: time.Sleep outside testing/synctest", s.fset.Position(n.Pos()))
			}
			return true
		})
	}
}
