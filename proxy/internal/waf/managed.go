package waf

import (
	_ "embed" // the directives
	"fmt"
	"hash/maphash"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/evenkeel/evenkeel/spec"
)

//go:embed managed.conf
var managedDirectives string

// managedGroup is what stands in for one of AWS's managed rule groups, whose patterns are
// not published: the parts of the OWASP Core Rule Set with the same intent.
type managedGroup struct {
	// name is the one in the environment file.
	name string
	// files of the Core Rule Set, by the number in their names.
	files []string
	// has reports whether a rule is of the group, by its id and what it is tagged with.
	has func(id int, tags []string) bool
}

// Ids of our own rules in managed.conf.
const (
	idArguments   = 20010
	firstCommon   = 20101
	lastCommon    = 20199
	firstBadInput = 20201
	lastBadInput  = 20299
)

// managedGroups are the groups that have a counterpart: see spec.WAF.Managed for the others.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
var managedGroups = []managedGroup{
	{"common", []string{"913", "930", "931", "934", "941"}, func(id int, _ []string) bool {
		return id >= firstCommon && id <= lastCommon || in(id, 913, 930, 931, 934, 941)
	}},
	{"known_bad_inputs", []string{"944"}, func(id int, _ []string) bool {
		return id >= firstBadInput && id <= lastBadInput || in(id, 944)
	}},
	{"sqli", []string{"942"}, func(id int, _ []string) bool { return in(id, 942) }},
	{"php", []string{"933"}, func(id int, _ []string) bool { return in(id, 933) }},
	{"linux", []string{"930"}, func(id int, _ []string) bool { return in(id, 930) }},
	{"unix", []string{"932"}, func(id int, tags []string) bool { return in(id, 932) && !slices.Contains(tags, platformWindows) }},
	{"windows", []string{"930", "932"}, func(id int, tags []string) bool {
		return in(id, 930) || in(id, 932) && !slices.Contains(tags, platformUnix)
	}},
}

// Tags of the Core Rule Set's rules.
const (
	platformUnix    = "platform-unix"
	platformWindows = "platform-windows"
)

// in reports whether the rule is of one of the Core Rule Set's files.
func in(id int, files ...int) bool { return slices.Contains(files, id/1000) }

// scores of a match, and the score at which a group blocks: the Core Rule Set's defaults.
//
// https://coreruleset.org/docs/2-how-crs-works/2-1-anomaly_scoring/
var scores = map[types.RuleSeverity]int{
	types.RuleSeverityCritical: 5,
	types.RuleSeverityError:    4,
	types.RuleSeverityWarning:  3,
	types.RuleSeverityNotice:   2,
}

const threshold = 5

// newEngine compiles the rules of the groups with these names, as far as there are any; nil
// when none of them has a counterpart. It takes a tenth of a second and ten megabytes.
func newEngine(names []string) (*engine, error) {
	e := &engine{names: names, timeout: inspectionTimeout, seed: maphash.MakeSeed()}
	var files []string
	for _, name := range names {
		if at := slices.IndexFunc(managedGroups, func(g managedGroup) bool { return g.name == name }); at >= 0 {
			e.groups = append(e.groups, &managedGroups[at])
			files = append(files, managedGroups[at].files...)
		}
	}
	if len(e.groups) == 0 {
		return nil, nil
	}
	all, err := fs.ReadDir(coreruleset.FS, "@owasp_crs")
	if err != nil {
		return nil, fmt.Errorf("core rule set: %w", err)
	}
	var directives strings.Builder
	directives.WriteString(managedDirectives)
	for _, entry := range all { // in the order of their numbers
		parts := strings.SplitN(entry.Name(), "-", 3)
		if len(parts) == 3 && slices.Contains(files, parts[1]) {
			directives.WriteString("Include @owasp_crs/" + entry.Name() + "\n")
		}
	}
	e.waf, err = coraza.NewWAF(coraza.NewWAFConfig().
		WithRootFS(coreruleset.FS).
		WithRequestBodyLimit(2 * maxBody). // never reached
		WithRequestBodyInMemoryLimit(2 * maxBody).
		WithDirectives(directives.String()))
	if err != nil {
		return nil, fmt.Errorf("core rule set: %w", err)
	}
	for i := range e.lanes {
		e.lanes[i] = make(chan struct{}, runtime.GOMAXPROCS(0))
	}
	return e, nil
}

// managed matches a request in which one group finds enough.
type managed struct {
	engine *engine
	group  *managedGroup
}

// finds reports whether what was found is the group's. Too many arguments are every group's.
func (g *managedGroup) finds(f *finding) bool { return f.id == idArguments || g.has(f.id, f.tags) }

func (m managed) match(q *query) (bool, error) {
	if !q.inspected {
		q.inspected = true
		q.findings, q.err = m.engine.inspect(q)
	}
	if q.err != nil {
		return false, q.err
	}
	score := 0
	for i := range q.findings {
		if f := &q.findings[i]; m.group.finds(f) {
			score += f.score
		}
	}
	return score >= threshold, nil
}

// managedRules are the rules of the groups that the container has, in the file's order.
func managedRules(w *spec.WAF, e *engine) []rule {
	var rules []rule
	for _, g := range e.groups {
		rules = append(rules, rule{
			name: spec.ManagedRuleGroups()[g.name], action: actions[w.ManagedAction], status: statusForbidden,
			matcher: managed{engine: e, group: g},
		})
	}
	return rules
}
