package accesslog

import (
	"log/slog"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// Writer is an output of a test's own.
type Writer interface {
	Write(lines []byte) (int, error)
	Close() error
}

type testOutput struct{ Writer }

func (o testOutput) name() string                    { return "test" }
func (o testOutput) write(lines []byte) (int, error) { return o.Write(lines) }
func (o testOutput) reopen() error                   { return nil }
func (o testOutput) close() error                    { return o.Close() }

// NewOn returns a logger whose access log goes to w.
func NewOn(w Writer, config Config, logger *slog.Logger) *Logger {
	l := &Logger{config: config, format: formatters[config.Access.Format], access: startStream(testOutput{w}, logger)}
	l.Rename(config.LoadBalancer, config.DNSName)
	return l
}

// Line formats one exchange.
func Line(config Config, x *exchange.Exchange) string {
	l := &Logger{config: config}
	l.Rename(config.LoadBalancer, config.DNSName)
	return string(formatters[config.Access.Format](l, nil, x, new(stamps)))
}

// DecisionLine formats one decision of the firewall.
func DecisionLine(config Config, d *waf.Decision) string {
	l := &Logger{config: config, redacted: append(spec.SecretHeaders(), config.Firewall.RedactHeaders...)}
	l.Rename(config.LoadBalancer, config.DNSName)
	return string(l.appendDecision(nil, d))
}

// AppendLine formats one exchange to b as a warm logger does.
func AppendLine(l *Logger, b []byte, x *exchange.Exchange) []byte {
	return l.format(l, b, x, &l.access.shards[0].stamps)
}

// ConnectionLine and HealthCheckLine format one record.
func ConnectionLine(r *ConnectionRecord) string { return string(r.appendLine(nil, new(stamps))) }

func HealthCheckLine(r *HealthCheckRecord) string { return string(r.appendLine(nil, new(stamps))) }

// Escaped and Token are s within quotes and without.
func Escaped(s string) string { return string(appendEscaped(nil, s)) }

func Token(s string) string { return string(appendToken(nil, []byte(s))) }

// Limits of the buffers.
const (
	FlushInterval = flushInterval
	MaxPending    = maxPending
	FlushSize     = flushSize
	CloseTimeout  = closeTimeout
)
