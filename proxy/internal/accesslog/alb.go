package accesslog

import (
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// appendALB appends the 34 fields of an ALB's access log entry.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-entry-format
func (l *Logger) appendALB(b []byte, x *exchange.Exchange, s *stamps) []byte {
	r, c := &x.Record, x.Conn
	request, target, response := processingTimes(r)

	b = appendToken(b, r.Type)
	b = append(s.appendISO(b, r.Ended), ' ')
	b = appendToken(b, l.names.Load().loadBalancer)
	b = append(appendAddrPort(b, x.ClientAddr()), ' ')
	b = appendToken(b, r.TargetAddress)
	b = append(appendSeconds(b, request), ' ')
	b = append(appendSeconds(b, target), ' ')
	b = append(appendSeconds(b, response), ' ')
	b = append(appendStatus(b, r.Status), ' ')
	b = append(appendStatus(b, r.TargetStatus), ' ')
	b = append(strconv.AppendInt(b, receivedBytes(r), 10), ' ')
	b = append(strconv.AppendInt(b, r.SentBytes, 10), ' ')
	b = append(b, '"')
	b = append(l.appendRequestLine(b, x, appendEscaped[[]byte]), '"', ' ')
	b = appendQuoted(b, userAgent(x))
	var none exchange.TLS
	tls := &none
	if c.TLS != nil {
		tls = c.TLS
	}
	b = appendToken(b, tls.CipherSuite)
	b = appendToken(b, tls.Version)
	b = appendToken(b, r.TargetGroupARN)
	b = appendQuoted(b, r.TraceID)
	b = appendQuoted(b, tls.ServerName)
	b = appendQuoted(b, tls.CertificateARN)
	if r.Priority == exchange.NoRule {
		b = append(b, '-', ' ')
	} else {
		b = append(strconv.AppendInt(b, int64(r.Priority), 10), ' ')
	}
	b = append(s.appendISO(b, r.Created), ' ')
	b = appendQuoted(b, actionsExecuted(r.Actions))
	b = appendQuoted(b, r.RedirectURL)
	b = appendQuoted(b, r.ErrorReason)
	b = appendQuoted(b, r.TargetAddress)
	b = append(b, '"')
	b = append(appendStatus(b, r.TargetStatus), '"', ' ')
	b = appendQuoted(b, r.Classification)
	b = appendQuoted(b, r.ClassReason)
	b = appendToken(b, c.TraceID)
	b = appendQuoted(b, r.TransformedHost)
	b = appendQuoted(b, r.TransformedURI)
	b = appendQuoted(b, r.TransformStatus)
	b = appendAddr(b, c.Local.Addr())
	return append(b, '\n')
}

// appendStatus appends a status code; `-` for none.
func appendStatus(b []byte, status int) []byte {
	if status == 0 {
		return append(b, '-')
	}
	return strconv.AppendInt(b, int64(status), 10)
}
