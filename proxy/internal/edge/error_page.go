package edge

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

const (
	// maxSwallowed bounds what is still read of a target's answer that a page has replaced, so
	// that the target's connection can be kept: 64 KiB.
	maxSwallowed = 64 << 10
	// maxStatus bounds the statuses that may have a page.
	maxStatus = 599
)

// errReplaced ends a target's answer of which the client has the page instead.
var errReplaced = errors.New("answer is replaced by an error page")

// errorPage is what answers of one status are replaced by.
type errorPage struct {
	body, contentType, length []byte
}

// errorPages are by status.
type errorPages [maxStatus + 1]*errorPage

// errorPages reads the files of edge.error_pages.
func (c *compiler) errorPages(files map[string]string) *errorPages {
	if len(files) == 0 {
		return nil
	}
	var pages errorPages
	for status, file := range files {
		code, err := strconv.Atoi(status)
		if err != nil || code < 0 || code > maxStatus {
			continue // refused by spec
		}
		if pages[code], err = readErrorPage(c.in(file)); err != nil {
			c.refuse("edge.error_pages."+status, err, file, fmt.Sprintf("a file of at most %d bytes", spec.MaxErrorPage))
		}
	}
	return &pages
}

var (
	errNoFile   = errors.New("is no ordinary file")
	errTooLarge = fmt.Errorf("is larger than %d bytes", spec.MaxErrorPage)
)

func readErrorPage(file string) (*errorPage, error) {
	// A pipe that nobody writes to would be waited for.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errNoFile, err)
	}
	body, err := io.ReadAll(io.LimitReader(f, spec.MaxErrorPage+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > spec.MaxErrorPage:
		return nil, errTooLarge
	}
	return &errorPage{
		body:        body,
		contentType: []byte(mediaTypeOf(filepath.Base(file))),
		length:      strconv.AppendInt(nil, int64(len(body)), 10),
	}, nil
}

// reason is what is wrong with a file, without its name.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return "cannot be read: " + p.Err.Error()
	}
	return err.Error()
}

var (
	nameContentType   = []byte(exchange.FieldContentType.String())
	nameContentLength = []byte(exchange.FieldContentLength.String())
	nameCacheControl  = []byte("Cache-Control")
	valueNoStore      = []byte("no-store")
)

// pageFor returns the page that replaces an answer of this status; nil for none. A gRPC
// call has its status in fields, and a page would be no message.
func (c *client) pageFor(status int) *errorPage {
	if c.site.pages == nil || status < 0 || status > maxStatus || c.x.Request.GRPC() {
		return nil
	}
	return c.site.pages[status]
}

// writePage sends the page in place of an answer of whose body the first have bytes have come.
// The client's connection is free then for the next request, which should not wait for a
// target that goes on and on: unless little is to come, the answer ends with errReplaced.
func (c *client) writePage(p *errorPage, r *exchange.Response, have int, more bool) error {
	long := more && (r.ContentLength == exchange.Unknown || r.ContentLength-int64(have) > maxSwallowed)
	page := p.replace(r, string(c.x.Request.Method) == http.MethodHead)
	if err := c.send(r, page, false); err != nil {
		return err
	}
	c.replaced = true
	if long {
		return errReplaced
	}
	return nil
}

// replace makes the answer's head that of the page. What describes the target's own body
// goes, all else stays: cookies, Retry-After, Allow, WWW-Authenticate. Nobody keeps a page,
// unless the answer says for how long it is good.
func (p *errorPage) replace(r *exchange.Response, head bool) (body []byte) {
	kept, cached := r.Fields[:0], false
	for i := range r.Fields {
		f := r.Fields[i]
		if describesBody(&f, r.Status) {
			continue
		}
		cached = cached || exchange.EqualFold(f.Name, string(nameCacheControl))
		kept = append(kept, f)
	}
	kept = append(kept,
		exchange.Field{ID: exchange.FieldContentType, Name: nameContentType, Value: p.contentType},
		exchange.Field{ID: exchange.FieldContentLength, Name: nameContentLength, Value: p.length})
	if !cached {
		kept = append(kept, exchange.Field{Name: nameCacheControl, Value: valueNoStore})
	}
	r.Fields, r.ContentLength, r.NoBody = kept, int64(len(p.body)), head
	if head {
		return nil
	}
	return p.body
}

// bodyFields describe a body, beside Content-Type and Content-Length.
var bodyFields = []string{
	"Accept-Ranges", "Age", "Content-Digest", "Content-Disposition", "Content-Encoding", "Content-Language",
	"Content-Location", "Content-MD5", "Digest", "ETag", "Expires", "Last-Modified", "Repr-Digest",
}

func describesBody(f *exchange.Field, status int) bool {
	switch f.ID {
	case exchange.FieldContentType, exchange.FieldContentLength, exchange.FieldTrailer:
		return true
	case exchange.FieldOther:
	default:
		return false
	}
	if exchange.EqualFold(f.Name, "Content-Range") {
		return status != http.StatusRequestedRangeNotSatisfiable // where it says how much there is
	}
	for _, name := range bodyFields {
		if exchange.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}
