package conformance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
)

// merged lays a piece of an environment over another: maps merge by key, lists whose
// elements have names merge by name, a key without a value is removed, and everything else
// is replaced.
func merged(under, over any) any {
	switch over := over.(type) {
	case map[string]any:
		under, ok := under.(map[string]any)
		if !ok {
			return over
		}
		out := maps.Clone(under)
		for key, value := range over {
			if value == nil {
				delete(out, key)
				continue
			}
			out[key] = merged(out[key], value)
		}
		return out
	case []any:
		under, ok := under.([]any)
		if !ok || !named(under) || !named(over) {
			return over
		}
		out := slices.Clone(under)
		for _, element := range over {
			name := element.(map[string]any)["name"]
			at := slices.IndexFunc(out, func(e any) bool { return e.(map[string]any)["name"] == name })
			if at < 0 {
				out = append(out, element)
				continue
			}
			out[at] = merged(out[at], element)
		}
		return out
	}
	return over
}

func named(list []any) bool {
	return !slices.ContainsFunc(list, func(e any) bool {
		m, ok := e.(map[string]any)
		return !ok || m["name"] == nil
	})
}

func (t tree) over(under tree) tree {
	if t == nil {
		return under
	}
	return merged(map[string]any(under), map[string]any(t)).(map[string]any)
}

// clone copies a tree, so that filling it in does not change a case.
func (t tree) clone() tree {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	var c tree
	if err := c.UnmarshalJSON(b); err != nil {
		panic(err)
	}
	return c
}

// section returns the map under key, which is made when there is none.
func section(t map[string]any, key string) map[string]any {
	m, ok := t[key].(map[string]any)
	if !ok {
		m = map[string]any{}
		t[key] = m
	}
	return m
}

// elements returns the maps in the list under key.
func elements(t map[string]any, key string) []map[string]any {
	list, _ := t[key].([]any)
	var out []map[string]any
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func (t tree) listeners() []map[string]any { return elements(section(t, "load_balancer"), "listeners") }

func (t tree) targetGroups() []map[string]any { return elements(t, "target_groups") }

// targetIDs lists the targets that the environment names.
func (t tree) targetIDs() []string {
	var ids []string
	for _, group := range t.targetGroups() {
		for _, target := range elements(group, "targets") {
			if id := fmt.Sprint(target["id"]); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// fill puts in where everything is: listeners, targets, certificates, logs. It returns the
// file's text.
func (s *system) fill(env tree) []byte {
	env = env.clone()
	bind := section(section(env, "proxy"), "bind")
	certificates := section(env, "certificates")
	for _, l := range env.listeners() {
		name := fmt.Sprint(l["name"])
		if s.listeners[name] == "" {
			s.listeners[name] = freeAddress(s, s.plan.ipv6)
		}
		bind[name] = s.listeners[name]
		s.secure[name] = l["protocol"] == "HTTPS"
		list, _ := l["certificates"].([]any)
		for _, c := range list {
			certificate := fmt.Sprint(c)
			certificates[certificate] = map[string]any{
				"files": map[string]any{"certificate": certificate + ".crt", "private_key": certificate + ".key"},
			}
		}
	}
	for _, group := range env.targetGroups() {
		if group["port"] == nil {
			group["port"] = 80
		}
		for _, target := range elements(group, "targets") {
			if target["address"] == nil {
				host, port, err := net.SplitHostPort(s.addresses[fmt.Sprint(target["id"])])
				if err != nil {
					s.Fatal(err)
				}
				target["address"] = host
				target["port"], _ = strconv.Atoi(port)
			}
		}
	}
	proxy := section(env, "proxy")
	section(proxy, "admin")["listen"] = s.admin
	for _, log := range []string{"access_log", "connection_log", "health_check_log", "waf_log"} {
		if log == "access_log" || proxy[log] != nil {
			l := section(proxy, log)
			l["path"] = s.logPath(log)
			if l["format"] == nil && log != "waf_log" {
				l["format"] = "alb"
			}
		}
	}
	text, err := json.MarshalIndent(env, "", "  ")
	if err != nil {
		s.Fatal(err)
	}
	return text
}

// nextPort begins below the ports that the system gives to clients, and elsewhere in each
// process.
var nextPort atomic.Int32

func init() { nextPort.Store(int32(12000 + os.Getpid()%16*1000)) }

// freeAddress returns a loopback address that nothing listens on, and that no other process
// of this run gets.
func freeAddress(tb testing.TB, ipv6 bool) string {
	host := "127.0.0.1"
	if ipv6 {
		host = "::1"
	}
	for range 1000 {
		address := net.JoinHostPort(host, strconv.Itoa(int(nextPort.Add(1))))
		l, err := net.Listen("tcp", address)
		if err == nil {
			_ = l.Close()
			return address
		}
	}
	tb.Fatal("no free port")
	return ""
}
