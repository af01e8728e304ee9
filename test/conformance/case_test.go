package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// What a case file may say. README.md tells it to those who write cases; every key is here,
// and a key that is not here is an error.

// caseFile is one file of cases/<feature>/.
type caseFile struct {
	path    string // from cases/
	feature string

	Title        string                     `json:"title"`
	Environment  tree                       `json:"environment"`
	Targets      map[string]targetPlan      `json:"targets"`
	Certificates map[string]certificatePlan `json:"certificates"`
	Files        map[string]string          `json:"files"`
	IPv6         bool                       `json:"ipv6"`
	Cases        []*testCase                `json:"cases"`
}

// testCase is one case: a sentence, and steps that prove it.
type testCase struct {
	file *caseFile

	Name         string                     `json:"name"`
	Proves       string                     `json:"proves"`
	Source       many[string]               `json:"source"`
	Differs      int                        `json:"differs"`
	Environment  tree                       `json:"environment"`
	Targets      map[string]targetPlan      `json:"targets"`
	Certificates map[string]certificatePlan `json:"certificates"`
	IPv6         bool                       `json:"ipv6"`
	Fresh        bool                       `json:"fresh"`
	Steps        []*step                    `json:"steps"`
	step                                    // a case of a single step says it here
}

// step is one thing that happens; its parts happen in the order in which they stand here.
type step struct {
	Targets      map[string]targetPlan `json:"targets"`
	Reload       tree                  `json:"reload"`
	ReloadFails  bool                  `json:"reload_fails"`
	After        duration              `json:"after"`
	Release      string                `json:"release"`
	Status       states                `json:"status"`
	Client       string                `json:"client"`
	Listener     string                `json:"listener"`
	From         string                `json:"from"`
	Plain        bool                  `json:"plain"`
	TLS          tlsPlan               `json:"tls"`
	Connect      bool                  `json:"connect"`
	Request      string                `json:"request"`
	Raw          string                `json:"raw"`
	Body         string                `json:"body"`
	HTTP2        *http2Plan            `json:"http2"`
	Stream       string                `json:"stream"`
	Repeat       int                   `json:"repeat"`
	Anew         bool                  `json:"anew"`
	CloseWrite   bool                  `json:"close_write"`
	Close        bool                  `json:"close"`
	Reset        bool                  `json:"reset"`
	Handshake    *handshakePlan        `json:"handshake"`
	Expect       many[answerPlan]      `json:"expect"`
	Read         string                `json:"read"`
	Quiet        duration              `json:"quiet"`
	Rest         *string               `json:"rest"`
	Capture      map[string]string     `json:"capture"`
	Shares       map[string]string     `json:"shares"`
	Received     many[receivedPlan]    `json:"received"`
	Untouched    bool                  `json:"untouched"`
	Connections  map[string]int        `json:"connections"`
	Log          many[map[string]any]  `json:"log"`
	LogLine      string                `json:"log_line"`
	ConnLogLine  string                `json:"connection_log_line"`
	CheckLogLine string                `json:"health_check_log_line"`
	WAFLogLine   string                `json:"waf_log_line"`
	Metrics      map[string]float64    `json:"metrics"`
}

type states map[string]map[string]string

type tlsPlan struct {
	SNI     string       `json:"sni"`
	ALPN    many[string] `json:"alpn"`
	Version string       `json:"version"`
}

type http2Plan struct {
	Fields   string       `json:"fields"`
	Data     many[string] `json:"data"`
	Trailers string       `json:"trailers"`
	Open     bool         `json:"open"`
	More     string       `json:"more"`
	End      bool         `json:"end"`
	Reset    bool         `json:"reset"`
}

type handshakePlan struct {
	ALPN        *string `json:"alpn"`
	Certificate string  `json:"certificate"`
	Version     string  `json:"version"`
	Fails       bool    `json:"fails"`
}

type targetPlan struct {
	Speaks     string `json:"speaks"`
	TLS        bool   `json:"tls"`
	Refuses    bool   `json:"refuses"`
	Unanswered bool   `json:"unanswered"`
	Health     *int   `json:"health"`

	Answer   string       `json:"answer"`
	Body     string       `json:"body"`
	Parts    many[string] `json:"parts"`
	Hold     bool         `json:"hold"`
	Delay    duration     `json:"delay"`
	Early    bool         `json:"early"`
	Close    bool         `json:"close"`
	Reset    bool         `json:"reset"`
	Silent   bool         `json:"silent"`
	Echo     bool         `json:"echo"`
	Trailers string       `json:"trailers"`
}

// standing reports whether the plan says what a target is, and not only what it answers.
func (p targetPlan) standing() bool {
	return p.Speaks != "" || p.TLS || p.Refuses || p.Unanswered || p.Health != nil
}

type certificatePlan struct {
	Names many[string] `json:"names"`
	RSA   bool         `json:"rsa"`
}

type answerPlan struct {
	Method     string                  `json:"method"`
	Status     int                     `json:"status"`
	Reason     *string                 `json:"reason"`
	Head       string                  `json:"head"`
	Headers    map[string]many[string] `json:"headers"`
	Absent     many[string]            `json:"absent"`
	Body       *string                 `json:"body"`
	BodySize   *int                    `json:"body_size"`
	Size       int                     `json:"size"`
	By         string                  `json:"by"`
	Trailers   string                  `json:"trailers"`
	NoTrailers bool                    `json:"no_trailers"`
	Interim    many[string]            `json:"interim"`
	Cut        bool                    `json:"cut"`
	None       bool                    `json:"none"`
	Refused    bool                    `json:"refused"`
	NotBefore  duration                `json:"not_before"`
	BodySoFar  string                  `json:"body_so_far"`
	Connection string                  `json:"connection"`
}

type receivedPlan struct {
	By       string                  `json:"by"`
	Checks   bool                    `json:"checks"`
	Count    *int                    `json:"count"`
	Index    int                     `json:"index"`
	Head     string                  `json:"head"`
	Line     string                  `json:"line"`
	Headers  map[string]many[string] `json:"headers"`
	Absent   many[string]            `json:"absent"`
	Body     *string                 `json:"body"`
	Trailers string                  `json:"trailers"`
	Wire     string                  `json:"wire"`
	Cut      bool                    `json:"cut"`
}

// tree is a piece of an environment file.
type tree map[string]any

// many is a list, of which one element may stand for itself.
type many[T any] []T

// UnmarshalJSON takes a list or one element.
func (m *many[T]) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return strict(b, (*[]T)(m))
	}
	var one T
	if err := strict(b, &one); err != nil {
		return err
	}
	*m = many[T]{one}
	return nil
}

// UnmarshalJSON keeps numbers as they are written.
func (t *tree) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode((*map[string]any)(t))
}

type duration time.Duration

// UnmarshalJSON takes what time.ParseDuration takes.
func (d *duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	*d = duration(v)
	return err
}

// strict decodes JSON and refuses keys that nobody reads.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return nil
}

// readYAML decodes a YAML file strictly.
func readYAML(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var value any
	if err := yaml.Load(text, &value, yaml.WithUniqueKeys()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := strict(b, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// suite is all cases, and what they refer to.
type suite struct {
	base    tree
	sources map[string]string
	// decisions are the file names of docs/adr by number.
	decisions map[int]string
	features  []feature
}

type feature struct {
	name  string
	files []*caseFile
}

func (f feature) cases() []*testCase {
	var list []*testCase
	for _, file := range f.files {
		list = append(list, file.Cases...)
	}
	return list
}

// load reads every case file and checks it.
func load() (*suite, error) {
	s := &suite{decisions: map[int]string{}}
	if err := errors.Join(readYAML("cases/base.yaml", &s.base), readYAML("cases/sources.yaml", &s.sources)); err != nil {
		return nil, err
	}
	decisions, err := filepath.Glob("../../docs/adr/[0-9]*.md")
	if err != nil {
		return nil, err
	}
	for _, name := range decisions {
		base := filepath.Base(name)
		var number int
		if _, err := fmt.Sscanf(base, "%d-", &number); err != nil {
			return nil, err
		}
		s.decisions[number] = base
	}
	features := map[string][]*caseFile{}
	var problems []error
	err = fs.WalkDir(os.DirFS("cases"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Dir(name) == "." {
			return err
		}
		f := &caseFile{path: name, feature: path.Dir(name)}
		if err := readYAML(filepath.Join("cases", name), f); err != nil {
			problems = append(problems, err)
			return nil
		}
		features[f.feature] = append(features[f.feature], f)
		for _, c := range f.Cases {
			c.file = f
			if len(c.Steps) == 0 {
				c.Steps = []*step{&c.step}
			}
		}
		return nil
	})
	for _, name := range slices.Sorted(maps.Keys(features)) {
		s.features = append(s.features, feature{name, features[name]})
	}
	problems = append(problems, err, s.check())
	return s, errors.Join(problems...)
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// check holds the cases to what their format promises.
func (s *suite) check() error {
	var problems []error
	for _, f := range s.features {
		seen := map[string]bool{}
		for _, c := range f.cases() {
			bad := func(format string, args ...any) {
				problems = append(problems, fmt.Errorf("cases/%s: %s: "+format, append([]any{c.file.path, c.Name}, args...)...))
			}
			if !kebab.MatchString(c.Name) || seen[c.Name] {
				bad("name is not lower-case words with hyphens, or stands twice in %s", f.name)
			}
			seen[c.Name] = true
			if !strings.HasSuffix(c.Proves, ".") {
				bad("proves is not a sentence")
			}
			if len(c.Source) == 0 {
				bad("no source")
			}
			for _, name := range c.Source {
				if s.url(name) == "" {
					bad("source %q is not in sources.yaml", name)
				}
			}
			if c.Differs != 0 && s.decisions[c.Differs] == "" {
				bad("differs names decision %d, which does not exist", c.Differs)
			}
		}
		for _, file := range f.files {
			if file.Title == "" {
				problems = append(problems, fmt.Errorf("cases/%s: no title", file.path))
			}
		}
	}
	return errors.Join(problems...)
}

// url returns the address of a source: a name from sources.yaml, perhaps with a fragment.
func (s *suite) url(name string) string {
	short, fragment, found := strings.Cut(name, "#")
	address := s.sources[short]
	if address != "" && found {
		address += "#" + fragment
	}
	return address
}
