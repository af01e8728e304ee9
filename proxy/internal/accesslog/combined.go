package accesslog

import (
	"strconv"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// appendCombined appends a line in the combined format of Apache and nginx. The size is
// that of heads and bodies, Apache's %O; no user is ever named.
//
// https://httpd.apache.org/docs/2.4/logs.html#combined
func (*Logger) appendCombined(b []byte, x *exchange.Exchange, s *stamps) []byte {
	r := &x.Record
	b = appendAddr(b, x.ClientAddr().Addr())
	b = append(b, " - - ["...)
	b = append(s.appendCommon(b, r.Ended), `] "`...)
	if !r.MalformedRequest && len(x.Request.Method) > 0 {
		b = append(appendEscaped(b, x.Request.Method), ' ')
		b = append(appendEscaped(b, x.Request.Target), ' ')
		if len(x.Request.RawVersion) > 0 {
			b = appendEscaped(b, x.Request.RawVersion)
		} else {
			b = append(b, versionText(x.Request.Version)...)
		}
	} else {
		b = append(b, '-')
	}
	b = append(b, '"', ' ')
	b = append(appendStatus(b, r.Status), ' ')
	b = append(strconv.AppendInt(b, r.SentBytes, 10), ' ')
	b = appendQuoted(b, referer(x))
	b = appendQuoted(b, userAgent(x))
	b[len(b)-1] = '\n' // in place of the space after the last field
	return b
}

func referer(x *exchange.Exchange) []byte {
	if x.Record.MalformedRequest {
		return nil
	}
	for i := range x.Request.Fields {
		if f := &x.Request.Fields[i]; f.ID == exchange.FieldOther && exchange.EqualFold(f.Name, "Referer") {
			return f.Value
		}
	}
	return nil
}
