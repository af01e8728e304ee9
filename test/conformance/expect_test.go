package conformance_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// stillOpen is how long a connection that should stay open is watched.
const stillOpen = 30 * time.Millisecond

// checkAnswers compares what a step's client sees.
func (p *play) checkAnswers(c *client, st *step) bool {
	ok := p.checkHandshake(c, st.Handshake)
	for i := range st.Expect {
		ok = p.checkAnswer(c, st, &st.Expect[i]) && ok
	}
	if st.Read != "" {
		want := p.must(p.vars.raw(st.Read))
		if got, err := c.http1.Read(len(want)); string(got) != want {
			p.Errorf("read %q and %v, want %q", got, err, want)
			ok = false
		}
	}
	if st.Quiet > 0 && !c.http1.Quiet(time.Duration(st.Quiet)) {
		p.Error("something came, or the connection ended")
		ok = false
	}
	if st.Rest != nil {
		got := string(c.http1.ReadAll())
		if same, err := p.vars.matches(*st.Rest, got); !same {
			p.Errorf("the rest is %q and %v, want %q", got, err, *st.Rest)
			ok = false
		}
	}
	for name, pattern := range st.Capture {
		p.capture(c, name, pattern)
	}
	return ok
}

// capture keeps what a pattern's group matches in the head of the last answer.
func (p *play) capture(c *client, name, pattern string) {
	var head strings.Builder
	for _, f := range c.last.Fields {
		head.WriteString(f.Name + ": " + f.Value + "\n")
	}
	m := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(head.String())
	if len(m) < 2 {
		p.Fatalf("nothing like %q in\n%s", pattern, head.String())
	}
	p.vars[name] = m[1]
}

func (p *play) checkHandshake(c *client, want *handshakePlan) bool {
	if want == nil {
		return true
	}
	if want.Fails {
		if c.failed == nil {
			p.Error("the handshake succeeded")
		}
		return c.failed != nil
	}
	got := c.http1.TLS()
	ok := true
	if want.ALPN != nil && got.NegotiatedProtocol != *want.ALPN {
		p.Errorf("ALPN settled on %q, want %q", got.NegotiatedProtocol, *want.ALPN)
		ok = false
	}
	if want.Version != "" && strings.Replace(tls.VersionName(got.Version), "TLS ", "TLSv", 1) != want.Version {
		p.Errorf("%s, want %s", tls.VersionName(got.Version), want.Version)
		ok = false
	}
	if want.Certificate != "" && !bytes.Equal(got.PeerCertificates[0].Raw, p.s.certificate[want.Certificate]) {
		p.Errorf("certificate is that of %q, want %s", got.PeerCertificates[0].DNSNames, want.Certificate)
		ok = false
	}
	return ok
}

// problems collects what is not as expected.
type problems struct {
	p    *play
	list []error
}

func (l *problems) add(format string, args ...any) {
	l.list = append(l.list, fmt.Errorf(format, args...))
}

func (l *problems) text(what, want, got string) {
	if same, err := l.p.vars.matches(want, got); err != nil {
		l.add("%s: %w", what, err)
	} else if !same {
		l.add("%s is\n%q, want\n%q", what, got, want)
	}
}

// head compares a whole head, line by line: the text is that of the case.
func (l *problems) head(what, want, line string, fields harness.Fields) {
	var got strings.Builder
	got.WriteString(line + "\n")
	for _, f := range fields {
		got.WriteString(f.Name + ": " + f.Value + "\n")
	}
	l.text(what, strings.TrimRight(want, "\n"), strings.TrimRight(got.String(), "\n"))
}

func (l *problems) fields(want map[string]many[string], absent []string, got harness.Fields) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		values := got.Values(name)
		if len(values) != len(want[name]) {
			l.add("%s is %q, want %q", name, values, want[name])
			continue
		}
		for i, value := range values {
			l.text(name, want[name][i], value)
		}
	}
	for _, name := range absent {
		if values := got.Values(name); values != nil {
			l.add("%s is %q, want none", name, values)
		}
	}
}

func (l *problems) trailers(want string, got harness.Fields) {
	var list strings.Builder
	for _, f := range got {
		list.WriteString(f.Name + ": " + f.Value + "\n")
	}
	l.text("trailers", strings.TrimRight(want, "\n"), strings.TrimRight(list.String(), "\n"))
}

func (l *problems) report(about any) bool {
	l.p.Helper()
	if len(l.list) == 0 {
		return true
	}
	l.p.Errorf("%v\nin %s", errors.Join(l.list...), show(about))
	return false
}

// show prints a message in full.
func show(v any) string {
	switch v := v.(type) {
	case *harness.Response:
		return fmt.Sprintf("answer %s %d %s\n%q\n%d bytes of body %q\ntrailers %q, cut %v", v.Proto, v.Status, v.Reason, v.Fields, len(v.Body), short(v.Body), v.Trailers, v.Cut)
	case *harness.Request:
		return fmt.Sprintf("request to %s: %s\n%q\nbody %q\ntrailers %q, broken %v", v.Target, v.Line, v.Fields, short(v.Body), v.Trailers, v.Err)
	}
	return fmt.Sprint(v)
}

func short(b []byte) []byte { return b[:min(len(b), 2000)] }

func (p *play) checkAnswer(c *client, st *step, want *answerPlan) bool {
	got, err := p.next(c, st, want)
	if want.Refused && err == nil && got.Status == 400 {
		return true
	}
	if want.None || want.Refused {
		if got != nil && err == nil {
			p.Errorf("want no answer, got %s", show(got))
			return false
		}
		return true
	}
	if err != nil {
		p.Errorf("no answer: %v", err)
		return false
	}
	l := &problems{p: p}
	if want.BodySoFar != "" && c.http2 != nil {
		l.text("body so far", want.BodySoFar, string(got.Body))
		return l.report(got)
	}
	c.last = got
	if want.Status != 0 && got.Status != want.Status {
		l.add("status is %d, want %d", got.Status, want.Status)
	}
	if want.Reason != nil && got.Reason != *want.Reason {
		l.add("reason is %q, want %q", got.Reason, *want.Reason)
	}
	if want.Head != "" {
		line := strings.TrimRight(fmt.Sprintf("%s %d %s", got.Proto, got.Status, got.Reason), " ")
		l.head("head", want.Head, line, got.Fields)
	}
	l.fields(want.Headers, want.Absent, got.Fields)
	if want.Body != nil {
		l.text("body", *want.Body, string(got.Body))
	}
	if want.By != "" && string(got.Body) != want.By {
		l.add("body is %q, want that of target %s", short(got.Body), want.By)
	}
	if want.BodySize != nil && len(got.Body) != *want.BodySize {
		l.add("body has %d bytes, want %d", len(got.Body), *want.BodySize)
	}
	if want.Size != 0 && len(got.Wire) != want.Size {
		l.add("answer has %d bytes, want %d", len(got.Wire), want.Size)
	}
	if want.Trailers != "" {
		l.trailers(want.Trailers, got.Trailers)
	}
	if want.NoTrailers && len(got.Trailers) > 0 {
		l.add("trailers are %q, want none", got.Trailers)
	}
	if len(want.Interim) > 0 {
		var heads []string
		for _, r := range got.Interim {
			heads = append(heads, strings.TrimRight(string(r.Wire), "\r\n"))
		}
		l.text("interim answers", strings.Join(want.Interim, "\n"), strings.ReplaceAll(strings.Join(heads, "\n"), "\r\n", "\n"))
	} else if len(got.Interim) > 0 {
		l.add("unexpected interim answer %q", got.Interim[0].Wire)
	}
	if (got.Cut != nil) != want.Cut {
		l.add("answer broke off: %v, want %v", got.Cut, want.Cut)
	}
	if d := time.Since(c.sent); d < time.Duration(want.NotBefore) {
		l.add("answer after %v, want %v", d, time.Duration(want.NotBefore))
	}
	switch want.Connection {
	case "":
	case "open":
		if !c.http1.Quiet(stillOpen) {
			l.add("connection is closed, or more has come")
		}
	case "closed":
		if rest := c.http1.ReadAll(); len(rest) > 0 {
			l.add("before the connection closed came %q", short(rest))
		}
	default:
		l.add("connection is open or closed, not %q", want.Connection)
	}
	return l.report(got)
}

// requests returns what a target received in this case.
func (p *play) requests(id string, checks bool) []harness.Request {
	target := p.s.targets[id]
	if target == nil {
		p.Fatalf("no target %q", id)
	}
	if checks {
		return target.Checks()
	}
	return target.Requests()[p.before[id]:]
}

func (p *play) checkReceived(want *receivedPlan) bool {
	var l *problems
	var about any
	err := eventually(func() error {
		l = &problems{p: p}
		got := p.requests(want.By, want.Checks)
		if want.Count != nil && len(got) != *want.Count {
			l.add("target %s received %d requests, want %d", want.By, len(got), *want.Count)
			about = got
			return errors.Join(l.list...)
		}
		if want.Count != nil && *want.Count == 0 {
			return nil
		}
		index := want.Index - 1
		if want.Index == 0 {
			index = len(got) - 1
		}
		if index < 0 || index >= len(got) {
			l.add("target %s received %d requests", want.By, len(got))
			return errors.Join(l.list...)
		}
		r := &got[index]
		about = r
		p.compareRequest(l, want, r)
		return errors.Join(l.list...)
	})
	return err == nil || l.report(about)
}

func (p *play) compareRequest(l *problems, want *receivedPlan, r *harness.Request) {
	if want.Line != "" {
		l.text("request line", want.Line, r.Line)
	}
	if want.Head != "" {
		l.head("head at the target", want.Head, r.Line, r.Fields)
	}
	l.fields(want.Headers, want.Absent, r.Fields)
	if want.Body != nil {
		l.text("body at the target", *want.Body, string(r.Body))
	}
	if want.Trailers != "" {
		l.trailers(want.Trailers, r.Trailers)
	}
	if want.Wire != "" {
		l.text("bytes at the target", strings.ReplaceAll(want.Wire, "\n", ""), string(r.Wire))
	}
	if (r.Err != nil) != want.Cut {
		l.add("request broke off at the target: %v, want %v", r.Err, want.Cut)
	}
}

func (p *play) checkUntouched() bool {
	for id := range p.s.targets {
		if got := p.requests(id, false); len(got) > 0 {
			p.Errorf("want no request at any target, got %s", show(&got[0]))
			return false
		}
	}
	return true
}

func (p *play) checkConnections(want map[string]int) bool {
	ok := true
	for id, n := range want {
		err := eventually(func() error {
			if got := p.s.targets[id].Connections(); got != n {
				return fmt.Errorf("target %s has %d open connections, want %d", id, got, n)
			}
			return nil
		})
		if err != nil {
			p.Error(err)
			ok = false
		}
	}
	return ok
}

func (p *play) checkMetrics(want map[string]float64) bool {
	if len(want) == 0 {
		return true
	}
	err := eventually(func() error {
		l := &problems{p: p}
		got := p.s.metrics(slices.Collect(maps.Keys(want)))
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if d := got[name] - p.sums[name]; d != want[name] {
				l.add("%s went up by %v, want %v", name, d, want[name])
			}
		}
		return errors.Join(l.list...)
	})
	if err != nil {
		p.Error(err)
	}
	return err == nil
}

// accessLogFields are the fields of a line of the access log, in their order.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-entry-syntax
var accessLogFields = strings.Fields(`
	type time elb client:port target:port request_processing_time target_processing_time
	response_processing_time elb_status_code target_status_code received_bytes sent_bytes
	request user_agent ssl_cipher ssl_protocol target_group_arn trace_id domain_name
	chosen_cert_arn matched_rule_priority request_creation_time actions_executed redirect_url
	error_reason target:port_list target_status_code_list classification
	classification_reason conn_trace_id transformed_host transformed_uri
	request_transform_status ip_address`)

var logField = regexp.MustCompile(`"[^"]*"|[^ "]+`)

// entry takes a line of the access log apart.
func entry(line string) (map[string]string, error) {
	fields := map[string]string{}
	if strings.HasPrefix(line, "{") {
		var object map[string]any
		if err := strict([]byte(line), &object); err != nil {
			return nil, err
		}
		for name, value := range object {
			fields[name] = asText(value)
		}
		return fields, nil
	}
	list := logField.FindAllString(line, -1)
	if len(list) != len(accessLogFields) {
		return nil, fmt.Errorf("%d fields, want %d: %s", len(list), len(accessLogFields), line)
	}
	for i, name := range accessLogFields {
		fields[name] = strings.Trim(list[i], `"`)
	}
	return fields, nil
}

func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// ours lists the entries of this case's connections.
func (p *play) ours() ([]map[string]string, error) {
	var list []map[string]string
	for _, line := range p.s.log("access_log") {
		if line == "" {
			continue
		}
		e, err := entry(line)
		if err != nil {
			return nil, err
		}
		if p.locals[e["client:port"]] {
			list = append(list, e)
		}
	}
	return list, nil
}

// checkLogs compares lines of the access log, in their order, and whole lines of the logs.
func (p *play) checkLogs(st *step) bool {
	ok := true
	for _, want := range st.Log {
		var l *problems
		err := eventually(func() error {
			l = &problems{p: p}
			list, err := p.ours()
			switch {
			case err != nil:
				l.add("%w", err)
			case len(list) <= p.logged:
				l.add("%d lines in the access log", len(list))
			default:
				for _, name := range slices.Sorted(maps.Keys(want)) {
					got, known := list[p.logged][name]
					if !known {
						l.add("a line has no field %q", name)
					}
					l.text("log field "+name, asText(want[name]), got)
				}
			}
			return errors.Join(l.list...)
		})
		p.logged++
		if err != nil {
			list, _ := p.ours()
			ok = l.report(list)
		}
	}
	for log, want := range map[string]string{"access_log": st.LogLine, "connection_log": st.ConnLogLine, "health_check_log": st.CheckLogLine, "waf_log": st.WAFLogLine} {
		if want == "" {
			continue
		}
		err := eventually(func() error {
			lines := p.s.log(log)
			for _, line := range lines {
				if same, err := p.vars.matches(want, line); same || err != nil {
					return err
				}
			}
			return fmt.Errorf("no line %q among\n%s", want, strings.Join(lines, "\n"))
		})
		if err != nil {
			p.Error(err)
			ok = false
		}
	}
	return ok
}
