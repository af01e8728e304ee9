package accesslog

import (
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// appendJSON appends one JSON object with the fields of the ALB format under the names
// that its documentation gives them. Every field is always there: null where the ALB
// format has a dash, numbers where it has numbers. What the edge's cache has to do with it is told beside them.
func (l *Logger) appendJSON(b []byte, x *exchange.Exchange, s *stamps) []byte {
	r, c := &x.Record, x.Conn
	request, target, response := processingTimes(r)
	var none exchange.TLS
	tls := &none
	if c.TLS != nil {
		tls = c.TLS
	}

	b = appendMember(append(b, '{'), "type", r.Type)
	b = appendTime(appendKey(b, "time"), r.Ended, s)
	b = appendMember(b, "elb", l.names.Load().loadBalancer)
	b = append(appendAddrPort(append(appendKey(b, "client:port"), '"'), x.ClientAddr()), '"', ',')
	b = appendMember(b, "target:port", r.TargetAddress)
	b = append(appendSeconds(appendKey(b, "request_processing_time"), request), ',')
	b = append(appendSeconds(appendKey(b, "target_processing_time"), target), ',')
	b = append(appendSeconds(appendKey(b, "response_processing_time"), response), ',')
	b = appendNumber(b, "elb_status_code", int64(r.Status), r.Status != 0)
	b = appendNumber(b, "target_status_code", int64(r.TargetStatus), r.TargetStatus != 0)
	b = appendNumber(b, "received_bytes", receivedBytes(r), true)
	b = appendNumber(b, "sent_bytes", r.SentBytes, true)
	b = append(l.appendRequestLine(append(appendKey(b, "request_line"), '"'), x, appendJSONText[[]byte]), '"', ',')
	b = appendMember(b, "user_agent", userAgent(x))
	b = appendMember(b, "ssl_cipher", tls.CipherSuite)
	b = appendMember(b, "ssl_protocol", tls.Version)
	b = appendMember(b, "target_group_arn", r.TargetGroupARN)
	b = appendMember(b, "trace_id", r.TraceID)
	b = appendMember(b, "domain_name", tls.ServerName)
	b = appendMember(b, "chosen_cert_arn", tls.CertificateARN)
	b = appendNumber(b, "matched_rule_priority", int64(r.Priority), r.Priority != exchange.NoRule)
	b = appendTime(appendKey(b, "request_creation_time"), r.Created, s)
	b = appendMember(b, "actions_executed", actionsExecuted(r.Actions))
	b = appendMember(b, "redirect_url", r.RedirectURL)
	b = appendMember(b, "error_reason", r.ErrorReason)
	b = appendMember(b, "target:port_list", r.TargetAddress)
	b = appendKey(b, "target_status_code_list")
	if r.TargetStatus == 0 {
		b = append(b, "null,"...)
	} else {
		b = append(strconv.AppendInt(append(b, '"'), int64(r.TargetStatus), 10), '"', ',')
	}
	b = appendMember(b, "classification", r.Classification)
	b = appendMember(b, "classification_reason", r.ClassReason)
	b = appendMember(b, "conn_trace_id", c.TraceID)
	b = appendMember(b, "transformed_host", r.TransformedHost)
	b = appendMember(b, "transformed_uri", r.TransformedURI)
	b = appendMember(b, "request_transform_status", r.TransformStatus)
	if r.CacheStatus != "" {
		b = appendMember(b, "cache_status", r.CacheStatus) // no load balancer's log has it
	}
	b = append(appendAddr(append(appendKey(b, "ip_address"), '"'), c.Local.Addr()), '"')
	return append(b, '}', '\n')
}

func appendKey(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// appendMember appends a member that is a string, or null when it is empty.
func appendMember[T text](b []byte, name string, value T) []byte {
	b = appendKey(b, name)
	if len(value) == 0 {
		return append(b, "null,"...)
	}
	b = appendJSONText(append(b, '"'), value)
	return append(b, '"', ',')
}

// appendNumber appends a member that is a number, or null when it is not known.
func appendNumber(b []byte, name string, value int64, known bool) []byte {
	b = appendKey(b, name)
	if !known {
		return append(b, "null,"...)
	}
	return append(strconv.AppendInt(b, value, 10), ',')
}

func appendTime(b []byte, t time.Time, s *stamps) []byte {
	return append(s.appendISO(append(b, '"'), t), '"', ',')
}
