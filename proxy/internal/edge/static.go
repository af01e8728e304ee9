package edge

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// static serves a folder of files.
type static struct {
	// directory is opened for each request, so that one that is replaced, or a link to it that is
	// moved by a deploy, counts from then on.
	directory string
	// prefix is how much of a path stands before the name of the file.
	prefix int
	// only is the file of a path without wildcards; empty otherwise.
	only         string
	cacheControl string
	expires      time.Duration
}

// statics compiles edge.static.
func (c *compiler) statics(list []spec.Static) []*Behavior {
	var behaviors []*Behavior
	for i, s := range list {
		at := fmt.Sprintf("edge.static[%d]", i)
		h := &static{directory: c.in(s.Directory), cacheControl: s.CacheControl, expires: s.Expires}
		if h.prefix = strings.IndexAny(s.Path, "*?"); h.prefix < 0 {
			h.prefix, h.only = len(s.Path), path.Base(s.Path)
		}
		root, err := os.OpenRoot(h.directory)
		if err != nil {
			c.refuse(at+".directory", err, s.Directory, "a folder of files")
			continue
		}
		_ = root.Close()
		if b := c.behavior(at+".path", s.Path, h); b != nil {
			behaviors = append(behaviors, b)
		}
	}
	return behaviors
}

var (
	nameAllow        = []byte("Allow")
	valueGetHead     = []byte("GET, HEAD")
	nameContentRange = []byte("Content-Range")
)

// Serve implements handler.
func (s *static) Serve(x *exchange.Exchange, o *exchange.Origin) int {
	if m := string(x.Request.Method); m != http.MethodGet && m != http.MethodHead {
		addField(x, exchange.Field{Name: nameAllow, Value: valueGetHead})
		return http.StatusMethodNotAllowed
	}
	name := s.only
	if name == "" {
		var ok bool
		if name, ok = fileName(x.Request.Path[s.prefix:]); !ok {
			return http.StatusNotFound
		}
	}
	root, err := os.OpenRoot(s.directory)
	if err != nil {
		return statusOf(err) // it was there when the environment was read
	}
	defer root.Close()
	v, err := s.choose(root, name, &x.Request)
	if err != nil {
		return statusOf(err)
	}
	defer v.file.Close()

	w := &responseWriter{x: x, o: o, header: http.Header{}, size: v.info.Size()}
	h := w.header
	h.Set("Content-Type", mediaTypeOf(name))
	h.Set("Etag", v.tag())
	if v.coding != identity {
		h.Set("Content-Encoding", v.coding.String())
	}
	if v.varies {
		h.Set("Vary", "Accept-Encoding")
	}
	if s.cacheControl != "" {
		h.Set("Cache-Control", s.cacheControl)
		keepCacheControl(x)
	}
	if s.expires > 0 {
		h.Set("Expires", time.Now().Add(s.expires).UTC().Format(http.TimeFormat))
	}
	http.ServeContent(w, conditions(&x.Request), name, v.info.ModTime(), v.file)
	return w.finish()
}

// variant is a file as it is, or compressed beforehand.
type variant struct {
	file   *os.File
	info   fs.FileInfo
	coding coding
	// varies says that there is another for clients that accept other codings.
	varies bool
}

// endings are those of files that are compressed beforehand, the best first.
var endings = []struct {
	coding coding
	text   string
}{{codingBrotli, ".br"}, {codingGzip, ".gz"}}

// choose opens the file, or what it is compressed to if the client wants that more.
func (s *static) choose(root *os.Root, name string, r *exchange.Request) (variant, error) {
	v := variant{coding: identity}
	var err error
	if v.file, v.info, err = openFile(root, name); err != nil {
		return variant{}, err
	}
	var there []coding
	var others [codings]variant
	for _, e := range endings {
		if file, info, err := openFile(root, name+e.text); err == nil {
			there = append(there, e.coding)
			others[e.coding] = variant{file: file, info: info, coding: e.coding, varies: true}
		}
	}
	v.varies = len(there) > 0
	w := weightsOf(r)
	if best := w.best(there...); best != identity {
		v, others[best] = others[best], v
	}
	for i := range others {
		if f := others[i].file; f != nil {
			_ = f.Close()
		}
	}
	return v, nil
}

// tag is the variant's strong validator.
func (v *variant) tag() string {
	b := append(make([]byte, 0, 64), '"')
	b = strconv.AppendInt(b, v.info.ModTime().UnixNano(), 16)
	b = append(b, '-')
	b = strconv.AppendInt(b, v.info.Size(), 16)
	if v.coding != identity {
		b = append(b, '-')
		b = append(b, v.coding.String()...)
	}
	return string(append(b, '"'))
}

// errNotServed: what has this name is no file, or its name is not one to ask for.
var errNotServed = errors.New("is not served")

// openFile opens an ordinary file below root.
func openFile(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	// A pipe that nobody writes to would be waited for.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotServed
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// statusOf is the status of an error of opening a file. What would leave the folder is not
// there, as are names that no file can have.
func statusOf(err error) int {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return http.StatusForbidden
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EIO):
		return http.StatusServiceUnavailable
	}
	return http.StatusNotFound
}
