package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	// clientTimeout bounds one request of a Client; ctx may end it sooner.
	clientTimeout = writeTimeout
	// maxAnswer bounds what a Client reads of an answer.
	maxAnswer = 32 << 20
)

// Client asks the admin listener of a running process.
type Client struct {
	// Addr is host:port as in `proxy.admin.listen`. A host that stands for every address is
	// asked on the loopback interface.
	Addr string
	// User and Password are one of proxy.admin.users, where there are some: for Stats and Order.
	User, Password string
}

// RefusedError is a reload that changed nothing.
type RefusedError struct {
	// Problems with the environment file, one a line.
	Problems string
}

// Error implements error.
func (e *RefusedError) Error() string { return "reload was refused:\n" + e.Problems }

// Status returns what the process says of itself.
func (c Client) Status(ctx context.Context) (Status, error) {
	var status Status
	body, err := c.do(ctx, http.MethodGet, "/status", nil, http.StatusOK)
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return status, fmt.Errorf("read status of %s: %w", c.Addr, err)
	}
	return status, nil
}

// Stats returns what the process says of itself and of what its targets did lately.
func (c Client) Stats(ctx context.Context) (Stats, error) {
	var stats Stats
	body, err := c.do(ctx, http.MethodGet, "/stats;json", nil, http.StatusOK)
	if err != nil {
		return stats, err
	}
	if err := json.Unmarshal(body, &stats); err != nil {
		return stats, fmt.Errorf("read stats of %s: %w", c.Addr, err)
	}
	return stats, nil
}

// Metrics returns the process's metrics by name.
func (c Client) Metrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	body, err := c.do(ctx, http.MethodGet, "/metrics", nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", c.Addr, err)
	}
	return families, nil
}

// Reload makes the process read its environment file again. The error is a *RefusedError
// when the file is not good.
func (c Client) Reload(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodPost, "/reload", nil, http.StatusNoContent)
	return err
}

// Order has an order for a target carried out, as User.
func (c Client) Order(ctx context.Context, o Order) (Change, error) {
	form := url.Values{"target_group": {o.TargetGroup}, "target": {o.Target}, "action": {o.Action}}
	if o.Action == ActionWeight {
		form.Set("weight", strconv.Itoa(o.Weight))
	}
	var change Change
	body, err := c.do(ctx, http.MethodPost, "/stats/target", form, http.StatusOK)
	if err != nil {
		return change, err
	}
	if err := json.Unmarshal(body, &change); err != nil {
		return change, fmt.Errorf("read answer of %s: %w", c.Addr, err)
	}
	return change, nil
}

// Health returns nil when the process answers.
func (c Client) Health(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, "/healthz", nil, http.StatusOK)
	return err
}

// Ready returns nil when at least one target group is able to serve.
func (c Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, "/readyz", nil, http.StatusOK)
	return err
}

func (c Client) do(ctx context.Context, method, path string, form url.Values, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+dialAddress(c.Addr)+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("admin address %q: %w", c.Addr, err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.User != "" {
		r.SetBasicAuth(c.User, c.Password)
	}
	// Not the default transport: the environment's HTTP proxy has no business here, and a
	// command makes one request.
	transport := &http.Transport{
		DialContext:       (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		DisableKeepAlives: true,
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.Addr, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", c.Addr, err)
	}
	text := string(bytes.TrimSpace(body))
	switch answer.StatusCode {
	case want:
		return body, nil
	case http.StatusUnprocessableEntity:
		if path == "/reload" {
			return nil, &RefusedError{Problems: printableLines(text)}
		}
	}
	first, _, _ := strings.Cut(text, "\n")
	return nil, fmt.Errorf("%s %s of %s: %s: %s", method, path, c.Addr, Printable(answer.Status), Printable(first))
}

// dialAddress turns a listening address into one to connect to.
func dialAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "127.0.0.1"
		if addr.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}
