package nginx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"

	"github.com/evenkeel/evenkeel/proxy/internal/importer"
)

// Limits of what is read. The largest sites have some thousand lines.
const (
	maxFile       = 1 << 20
	maxAll        = 8 << 20
	maxFiles      = 256
	maxDepth      = 32
	maxTokens     = 100_000
	maxDirectives = 10_000
)

// reader opens the file and what it includes, within the file's folder.
type reader struct {
	main, dir string
	// wrapped: the main file is one of conf.d, which is included inside http.
	wrapped bool
	size    int
	opened  map[string][]byte
	// outside are files that were not read: they lie elsewhere, or are not there.
	outside map[string]bool
}

// Parse reads an nginx configuration with what it includes. Statements stand where they are
// included; an error is an importer.SyntaxError or one of reading.
func Parse(file string) ([]*importer.Directive, error) {
	own, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil, fmt.Errorf("read nginx configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(own))
	if err != nil {
		return nil, fmt.Errorf("read nginx configuration: %w", err)
	}
	r := &reader{main: file, dir: dir, opened: map[string][]byte{}, outside: map[string]bool{}}
	payload, err := crossplane.Parse(file, &crossplane.ParseOptions{
		Open: r.open, Glob: r.glob,
		// What nginx had until 1.24 as well, such as `ssl on`.
		DirectiveSources: []crossplane.MatchFunc{crossplane.DefaultDirectivesMatchFunc, crossplane.MatchOss124},
		LexOptions:       crossplane.LexOptions{Lexers: []crossplane.RegisterLexer{(&crossplane.Lua{}).RegisterLexer()}},
	})
	if err != nil {
		return nil, syntaxError(file, err)
	}
	var all []error
	for _, e := range payload.Errors {
		all = append(all, syntaxError(e.File, e.Error))
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	t := &tree{configs: payload.Config, lists: map[int][]*importer.Directive{}, sizes: map[int]int{}, outside: r.outside}
	list, err := t.list(0)
	if err != nil {
		return nil, err
	}
	if r.wrapped {
		if len(list) != 1 {
			return nil, &importer.SyntaxError{File: file, What: `unexpected "}"`}
		}
		list = list[0].Block
	}
	return list, nil
}

// syntaxError is what crossplane says, with file and line once.
func syntaxError(file string, err error) error {
	parse, ok := errors.AsType[*crossplane.ParseError](err)
	if !ok {
		return fmt.Errorf("read nginx configuration: %w", err)
	}
	e := &importer.SyntaxError{File: file, What: parse.What}
	if parse.File != nil && *parse.File != "" {
		e.File = *parse.File
	}
	if parse.Line != nil {
		e.Line = *parse.Line
	}
	e.What = strings.TrimSuffix(e.What, fmt.Sprintf(" in %s:%d", e.File, e.Line))
	return e
}

func (r *reader) open(path string) (io.ReadCloser, error) {
	text, ok := r.opened[path]
	if !ok {
		var err error
		if text, err = r.read(path); err != nil {
			return nil, err
		}
		r.opened[path] = text
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

func (r *reader) read(path string) ([]byte, error) {
	own, err := filepath.EvalSymlinks(path)
	if err != nil {
		if path != r.main {
			r.outside[path] = true
			return nil, nil
		}
		return nil, err
	}
	if path != r.main && !r.inside(own) {
		r.outside[path] = true
		return nil, nil
	}
	if len(r.opened) >= maxFiles {
		return nil, fmt.Errorf("more than %d files", maxFiles)
	}
	info, err := os.Stat(own)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("is no file")}
	}
	f, err := os.Open(own)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if r.size += len(text); len(text) > maxFile || r.size > maxAll {
		return nil, fmt.Errorf("%s: larger than %d bytes, or all files together larger than %d", path, maxFile, maxAll)
	}
	names, err := r.inspect(path, text)
	if err != nil {
		return nil, err
	}
	if path == r.main && !slices.Contains(names, "http") && slices.ContainsFunc(names, func(n string) bool {
		return slices.Contains([]string{"server", "upstream", "map", "proxy_cache_path", "limit_req_zone"}, n)
	}) {
		r.wrapped = true
		return slices.Concat([]byte("http {"), text, []byte("\n}")), nil
	}
	return text, nil
}

// inspect bounds depth and length before anything recurses, and lists what stands outside
// of all blocks.
func (r *reader) inspect(path string, text []byte) (names []string, err error) {
	depth, n, first := 0, 0, true
	tokens := crossplane.LexWithOptions(bytes.NewReader(text), crossplane.LexOptions{Lexers: []crossplane.RegisterLexer{(&crossplane.Lua{}).RegisterLexer()}})
	for t := range tokens { // to the end: who sends them waits
		n++
		if err != nil || t.Error != nil {
			continue // parsing finds it again, with words
		}
		switch {
		case !t.IsQuoted && strings.HasPrefix(t.Value, "#"):
			continue
		case !t.IsQuoted && t.Value == "{":
			depth++
			first = true
		case !t.IsQuoted && t.Value == "}":
			depth--
			first = true
		case !t.IsQuoted && t.Value == ";":
			first = true
		case first:
			first = false
			if depth == 0 {
				names = append(names, t.Value)
			}
		}
		if depth > maxDepth || n > maxTokens {
			err = &crossplane.ParseError{File: &path, Line: &t.Line, What: fmt.Sprintf("blocks deeper than %d, or more than %d words", maxDepth, maxTokens)}
		}
	}
	return names, err
}

func (r *reader) inside(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(r.dir, abs)
	return err == nil && filepath.IsLocal(rel)
}

// glob is filepath.Glob inside the folder.
func (r *reader) glob(pattern string) ([]string, error) {
	if !r.inside(pattern) {
		r.outside[pattern] = true
		return nil, nil
	}
	return filepath.Glob(pattern)
}

// tree turns what crossplane read into directives, included ones where they are included.
type tree struct {
	configs []crossplane.Config
	lists   map[int][]*importer.Directive
	sizes   map[int]int
	outside map[string]bool
}

func (t *tree) list(i int) ([]*importer.Directive, error) {
	if list, ok := t.lists[i]; ok {
		return list, nil
	}
	t.lists[i] = nil // crossplane refuses circles
	list, size, err := t.directives(t.configs[i].File, t.configs[i].Parsed)
	t.lists[i], t.sizes[i] = list, size
	return list, err
}

func (t *tree) directives(file string, parsed crossplane.Directives) (list []*importer.Directive, size int, err error) {
	list = []*importer.Directive{}
	for _, p := range parsed {
		d := &importer.Directive{File: t.short(file), Line: p.Line, Name: p.Directive, Args: p.Args}
		size++
		switch {
		case isTable(p.Directive) && p.Block != nil:
			d.Shown = p.String()
		case p.Block != nil:
			var n int
			if d.Block, n, err = t.directives(file, p.Block); err != nil {
				return nil, 0, err
			}
			size += n
		}
		list = append(list, d)
		if p.Directive == "include" {
			if name := d.Arg(0); t.isOutside(name) {
				t.notRead(d)
			}
			for _, i := range p.Includes {
				included, err := t.list(i)
				if err != nil {
					return nil, 0, err
				}
				list = append(list, included...)
				size += t.sizes[i]
				if !t.outside[t.configs[i].File] {
					d.NotNeeded("what it includes was read, and stands here below")
				}
			}
		}
		if size > maxDirectives {
			return nil, 0, &importer.SyntaxError{File: file, Line: p.Line, What: fmt.Sprintf("more than %d directives, those of included files counted where they are included", maxDirectives)}
		}
	}
	return list, size, nil
}

// short is the file as seen from the folder of the imported one.
func (t *tree) short(file string) string {
	if rel, err := filepath.Rel(filepath.Dir(t.configs[0].File), file); err == nil {
		return rel
	}
	return file
}

func (t *tree) isOutside(name string) bool {
	for path := range t.outside {
		if path == name || strings.HasSuffix(path, string(filepath.Separator)+filepath.Clean(name)) {
			return true
		}
	}
	return false
}

// notRead tells of a file that lies elsewhere.
func (t *tree) notRead(d *importer.Directive) {
	switch filepath.Base(d.Arg(0)) {
	case "mime.types":
		d.NotNeeded("media types of files are known; text is said to be in UTF-8")
	default:
		d.NotMapped("is not there, or lies outside of the imported file's folder, and was not read: copy it there, or import the file where it is used")
	}
}

// isTable tells whether a block holds data, not directives.
func isTable(name string) bool {
	return slices.Contains([]string{"map", "geo", "types", "split_clients", "charset_map"}, name)
}
