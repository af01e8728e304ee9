package conformance_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/test/harness"
)

// play is a case that is being run.
type play struct {
	*testing.T
	s *system
	c *testCase

	vars    variables
	clients map[string]*client
	// locals are the client ends of all connections, by which log lines are known.
	locals map[string]bool
	before map[string]int // requests that targets had when the case began
	logged int            // lines of the access log that have been accounted for
	sums   map[string]float64
}

// client is a client's connection, or a row of them.
type client struct {
	http1  *harness.Client
	http2  *harness.HTTP2
	failed error // why a handshake failed
	// methods are those of the requests that have not been answered.
	methods []string
	stream  map[string]uint32
	last    *harness.Response
	sent    time.Time
}

// run plays a case.
func run(t *testing.T, s *system, c *testCase) {
	p := &play{T: t, s: s, c: c, vars: variables{}, clients: map[string]*client{}, locals: map[string]bool{}, before: map[string]int{}}
	shown := len(s.process.Output())
	defer func() {
		if t.Failed() {
			t.Logf("cases/%s: %s\nevenkeel wrote:\n%s", c.file.path, c.Proves, s.process.Output()[shown:])
		}
	}()
	for id, address := range s.addresses {
		p.vars["target."+id] = address
	}
	for id, target := range s.targets {
		p.before[id] = len(target.Requests())
		target.SetAnswer(harness.Answer{})
	}
	p.setAnswers(c.file.Targets)
	p.setAnswers(c.Targets)
	if names := c.metricNames(); len(names) > 0 {
		p.sums = s.metrics(names)
	}
	for i, st := range c.Steps {
		if !p.step(st) {
			t.Errorf("step %d failed", i+1)
			return
		}
	}
	for _, target := range s.targets {
		target.Release() // nothing is left waiting for the next case
	}
	if ended, err := s.process.Ended(); ended {
		t.Errorf("evenkeel ended: %v", err)
	}
}

func (c *testCase) metricNames() []string {
	names := map[string]bool{}
	for _, st := range c.Steps {
		for name := range st.Metrics {
			names[name] = true
		}
	}
	return slices.Collect(maps.Keys(names))
}

// must ends the case when a text of it makes no sense.
func (p *play) must(s string, err error) string {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
	return s
}

func (p *play) setAnswers(plans map[string]targetPlan) {
	for id, plan := range plans {
		target := p.s.targets[id]
		if target == nil {
			if !plan.standing() {
				p.Fatalf("no target %s runs", id)
			}
			continue
		}
		a := harness.Answer{
			Hold: plan.Hold, Delay: time.Duration(plan.Delay), Early: plan.Early,
			Close: plan.Close, Reset: plan.Reset, Silent: plan.Silent, Echo: plan.Echo,
			Trailers: p.fields(plan.Trailers),
		}
		if plan.Answer != "" {
			a.Parts = append(a.Parts, []byte(p.must(p.vars.head(plan.Answer))+p.must(p.vars.exact(plan.Body))))
		}
		for _, part := range plan.Parts {
			a.Parts = append(a.Parts, []byte(p.must(p.vars.raw(part))))
		}
		target.SetAnswer(a)
		if plan.Health != nil {
			target.SetHealth(*plan.Health)
		}
	}
}

// fields reads lines of "name: value". A name may begin with a colon.
func (p *play) fields(text string) harness.Fields {
	var list harness.Fields
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		at := strings.Index(line[min(1, len(line)):], ":") + 1
		if at == 0 {
			p.Fatalf("field %q has no colon", line)
		}
		list = append(list, harness.Field{
			Name:  p.must(p.vars.exact(line[:at])),
			Value: p.must(p.vars.exact(strings.TrimPrefix(line[at+1:], " "))),
		})
	}
	return list
}

// step does one step and reports whether it went well.
func (p *play) step(st *step) bool {
	p.setAnswers(st.Targets)
	if st.Reload != nil {
		p.s.reload(st.Reload, st.ReloadFails)
		for id, address := range p.s.addresses {
			p.vars["target."+id] = address
		}
		p.setAnswers(st.Targets)
	}
	time.Sleep(time.Duration(st.After))
	if st.Release != "" {
		p.s.targets[st.Release].WaitRequests(p.before[st.Release] + 1)
		p.s.targets[st.Release].Release()
	}
	ok := p.waitStates(st.Status)
	before := map[string]int{}
	for id, t := range p.s.targets {
		before[id] = len(t.Requests())
	}
	var c *client
	for range max(st.Repeat, 1) {
		if st.Anew {
			delete(p.clients, st.Client)
		}
		if st.talks() {
			c = p.client(st)
			p.send(c, st)
		}
		if c != nil {
			ok = p.checkAnswers(c, st) && ok
		}
		if !ok {
			return false
		}
	}
	if len(st.Shares) > 0 {
		ok = p.checkShares(st, before) && ok
	}
	for i := range st.Received {
		ok = p.checkReceived(&st.Received[i]) && ok
	}
	if st.Untouched {
		ok = p.checkUntouched() && ok
	}
	ok = p.checkConnections(st.Connections) && ok
	ok = p.checkLogs(st) && ok
	return p.checkMetrics(st.Metrics) && ok
}

// talks reports whether the step has anything to do with a client.
func (st *step) talks() bool {
	return st.Connect || st.Request != "" || st.Raw != "" || st.HTTP2 != nil || st.CloseWrite || st.Close || st.Reset ||
		st.Handshake != nil || len(st.Expect) > 0 || st.Read != "" || st.Quiet > 0 || st.Rest != nil || len(st.Capture) > 0
}

// client returns the step's client, connected.
func (p *play) client(st *step) *client {
	if c := p.clients[st.Client]; c != nil {
		return c
	}
	name := st.Listener
	if name == "" {
		name = fmt.Sprint(p.s.environment.listeners()[0]["name"])
	}
	address := p.s.listeners[name]
	if address == "" {
		p.Fatalf("no listener %s", name)
	}
	how := harness.Dialing{From: st.From}
	if p.s.secure[name] && !st.Plain {
		how.TLS = &tls.Config{
			ServerName: st.TLS.SNI, NextProtos: st.TLS.ALPN,
			InsecureSkipVerify: true, //nolint:gosec // the certificates are nobody's
			MaxVersion:         map[string]uint16{"TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12}[st.TLS.Version],
		}
	}
	c := &client{stream: map[string]uint32{}}
	if st.HTTP2 != nil {
		c.http2 = harness.DialHTTP2(p, address, how)
		p.local(c.http2.Local())
	} else {
		var err error
		if c.http1, err = harness.TryDial(p, address, how); err != nil {
			if st.Handshake == nil || !st.Handshake.Fails {
				p.Fatalf("connecting: %v", err)
			}
			c.failed = err
		} else {
			p.local(c.http1.Local())
		}
	}
	p.clients[st.Client] = c
	return c
}

func (p *play) local(address string) {
	p.locals[address] = true
	p.vars["client"] = address
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		p.Fatal(err)
	}
	p.vars["client.address"], p.vars["client.port"] = host, port
}

// send sends what the step has to send.
func (p *play) send(c *client, st *step) {
	c.sent = time.Now()
	if c.http2 != nil {
		p.sendHTTP2(c, st)
		if st.Close {
			c.http2.Close()
		}
		return
	}
	if c.failed != nil {
		return
	}
	var out []byte
	if st.Request != "" {
		out = []byte(p.must(p.vars.head(st.Request)))
		out = append(out, p.must(p.vars.exact(st.Body))...)
	}
	out = append(out, p.must(p.vars.raw(st.Raw))...)
	if len(out) > 0 {
		method, _, _ := bytes.Cut(out, []byte(" "))
		c.methods = append(c.methods, string(method))
		c.http1.Send(out)
	}
	if st.CloseWrite {
		c.http1.CloseWrite()
	}
	if st.Close {
		c.http1.Close()
	}
	if st.Reset {
		c.http1.Reset()
	}
}

func (p *play) sendHTTP2(c *client, st *step) {
	plan := st.HTTP2
	if plan == nil {
		return
	}
	if plan.Fields == "" {
		id := c.stream[st.Stream]
		if plan.More != "" || plan.End {
			c.http2.Data(id, []byte(p.must(p.vars.exact(plan.More))), plan.End)
		}
		if plan.Reset {
			c.http2.Reset(id)
		}
		return
	}
	r := harness.HTTP2Request{Fields: p.fields(plan.Fields), Trailers: p.fields(plan.Trailers), Open: plan.Open}
	for _, data := range plan.Data {
		r.Data = append(r.Data, []byte(p.must(p.vars.exact(data))))
	}
	c.stream[st.Stream] = c.http2.Send(r)
}

// next reads the next answer that the step's client gets.
func (p *play) next(c *client, st *step, want *answerPlan) (*harness.Response, error) {
	if c.http2 != nil {
		if want.BodySoFar != "" {
			body, err := c.http2.ReceiveData(c.stream[st.Stream], len(p.must(p.vars.exact(want.BodySoFar))))
			return &harness.Response{Body: bytes.Clone(body)}, err
		}
		return c.http2.Receive(c.stream[st.Stream])
	}
	method := want.Method
	if method == "" && len(c.methods) > 0 {
		method, c.methods = c.methods[0], c.methods[1:]
	}
	return c.http1.ReadResponse(method)
}

// patience is how long what happens beside the answer may take, such as a log line.
const patience = 3 * time.Second

// eventually tries until there is no error or patience is over, and returns the last one.
func eventually(try func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (p *play) waitStates(want states) bool {
	if want == nil {
		return true
	}
	for deadline := time.Now().Add(harness.Patience); ; time.Sleep(20 * time.Millisecond) {
		got := p.s.states()
		var missing []error
		for group, targets := range want {
			for id, state := range targets {
				if g := got[group][id]; g != state && !strings.HasPrefix(g, state+" ") {
					missing = append(missing, fmt.Errorf("target %s of %s is %q, want %q", id, group, g, state))
				}
			}
		}
		if len(missing) == 0 {
			return true
		}
		if time.Now().After(deadline) {
			p.Error(errors.Join(missing...))
			return false
		}
	}
}

// checkShares compares how many requests each target got in this step: "3", "1..5", or
// either of "1|4".
func (p *play) checkShares(st *step, before map[string]int) bool {
	ok := true
	for id, want := range st.Shares {
		got, fits := len(p.s.targets[id].Requests())-before[id], false
		for choice := range strings.SplitSeq(want, "|") {
			least, most, ranged := strings.Cut(choice, "..")
			if !ranged {
				most = least
			}
			low, err1 := strconv.Atoi(least)
			high, err2 := strconv.Atoi(most)
			if err := errors.Join(err1, err2); err != nil {
				p.Fatal(err)
			}
			fits = fits || got >= low && got <= high
		}
		if !fits {
			p.Errorf("target %s got %d requests, want %s", id, got, want)
			ok = false
		}
	}
	return ok
}
