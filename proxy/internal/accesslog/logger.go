package accesslog

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/spec"
)

// Config says what is logged and where.
type Config struct {
	// LoadBalancer is the `elb` field: app/name/id.
	LoadBalancer string
	// DNSName stands in the request line for the host of a request that named none.
	DNSName string
	// Access, Connections and HealthChecks are an ALB's three logs. An empty path is spec.LogOff;
	// /dev/stdout and /dev/stderr are the process's own, whatever they are connected to. Only
	// Access has formats; empty is spec.LogFormatALB.
	Access       spec.LogFile
	Connections  spec.LogFile
	HealthChecks spec.LogFile
	// Firewall is the firewall's log, and WebACL what it calls the firewall.
	Firewall spec.WAFLog
	WebACL   string
	// Logger is told of files that cannot be written, at most once a minute each. The
	// default discards.
	Logger *slog.Logger
}

// Logger writes the logs of one load balancer. Its methods may be called at once
// from any number of goroutines; none but Reopen and Close does I/O. A nil Logger logs
// nothing.
type Logger struct {
	config Config
	format formatter
	names  atomic.Pointer[names]

	access, connections, healthChecks, firewall *stream
	// redacted are the names of header fields whose values the firewall's log does not show.
	redacted []string
}

// names are what the load balancer is called.
type names struct {
	loadBalancer, dnsName string
}

// Rename has lines from here on call the load balancer otherwise: see Config.
func (l *Logger) Rename(loadBalancer, dnsName string) {
	if l != nil {
		l.names.Store(&names{loadBalancer, dnsName})
	}
}

// formatter appends the record of x as one line, its newline included.
type formatter func(l *Logger, b []byte, x *exchange.Exchange, s *stamps) []byte

var formatters = map[string]formatter{
	"":                     (*Logger).appendALB,
	spec.LogFormatALB:      (*Logger).appendALB,
	spec.LogFormatJSON:     (*Logger).appendJSON,
	spec.LogFormatCombined: (*Logger).appendCombined,
}

// New opens the logs. It fails when a file cannot be opened or the format is unknown.
func New(config Config) (*Logger, error) {
	format, ok := formatters[config.Access.Format]
	if !ok {
		return nil, fmt.Errorf("access log format %q is not %s, %s or %s", config.Access.Format,
			spec.LogFormatALB, spec.LogFormatJSON, spec.LogFormatCombined)
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Logger{config: config, format: format, redacted: append(spec.SecretHeaders(), config.Firewall.RedactHeaders...)}
	l.Rename(config.LoadBalancer, config.DNSName)
	var errs []error
	for _, f := range []struct {
		to   **stream
		path string
	}{
		{&l.access, config.Access.Path},
		{&l.connections, config.Connections.Path},
		{&l.healthChecks, config.HealthChecks.Path},
		{&l.firewall, config.Firewall.Path},
	} {
		if f.path == "" || f.path == spec.LogOff {
			continue
		}
		s, err := openStream(f.path, config.Logger)
		*f.to = s
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Log records an exchange that has ended. It keeps nothing of x and does not allocate
// once its buffers have grown.
func (l *Logger) Log(x *exchange.Exchange) {
	if l == nil || l.access == nil {
		return
	}
	sh := l.access.begin(x.Conn.Shard)
	if sh == nil {
		return
	}
	sh.pending = l.format(l, sh.pending, x, &sh.stamps)
	l.access.end(sh)
}

// Dropped returns how many lines of all logs were lost since the start, because a
// file could not keep up or could not be written.
func (l *Logger) Dropped() uint64 {
	if l == nil {
		return 0
	}
	var n uint64
	for _, s := range l.streams() {
		n += s.dropped()
	}
	return n
}

// Reopen opens the files anew by their paths, for a rotation that has moved them away.
// Lines logged before may still go to the new file, none is lost. What cannot be opened
// goes on in its old file.
func (l *Logger) Reopen() error {
	if l == nil {
		return nil
	}
	var errs []error
	for _, s := range l.streams() {
		errs = append(errs, s.reopen())
	}
	return errors.Join(errs...)
}

// Close writes out what is pending and closes the files. It gives up on a file that takes
// nothing for closeTimeout. Lines logged after it are dropped.
func (l *Logger) Close() error {
	if l == nil {
		return nil
	}
	streams := l.streams()
	for _, s := range streams {
		s.stop()
	}
	var errs []error
	for _, s := range streams {
		errs = append(errs, s.wait())
	}
	return errors.Join(errs...)
}

func (l *Logger) streams() []*stream {
	var streams []*stream
	for _, s := range []*stream{l.access, l.connections, l.healthChecks, l.firewall} {
		if s != nil {
			streams = append(streams, s)
		}
	}
	return streams
}
