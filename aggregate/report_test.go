package aggregate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
)

func TestParseReport(t *testing.T) {
	type verdicts = map[string]aggregate.Verdict
	for text, want := range map[string]aggregate.Report{
		`{}`: {Status: "unknown", Dependencies: verdicts{}},
		`{"status": "ok", "database": true, "cache": "ok", "celery": null, "version": "1.2.3"}`: {
			Status: "up", Dependencies: verdicts{"database": "up", "cache": "up", "celery": "unknown"}, Version: "1.2.3",
		},
		` { "status" : "error" , "database" : "OperationalError: no" , "cache" : false } `: {
			Status: "down", Dependencies: verdicts{"database": "down", "cache": "down"},
		},
		`{"database": {"status": "ok", "latency_ms": 3}, "cache": {"ok": false}, "celery": {"healthy": {"status": "UP"}}}`: {
			Status: "unknown", Dependencies: verdicts{"database": "up", "cache": "down", "celery": "up"},
		},
		`{"status": "degraded", "cache": " Warning ", "celery": ""}`: {Status: "degraded", Dependencies: verdicts{"cache": "degraded", "celery": "unknown"}},
		// Other keys are not ours, unless they say of themselves that they are dependencies.
		`{"debug": false, "hostname": "web-1", "uptime": 12.5, "tags": ["a"], "search": {"status": "error"}, "Odd Name": {"status": "ok"}, "odd": {"status": 3}, "other": {}}`: {
			Status: "unknown", Dependencies: verdicts{"search": "down"},
		},
		`{"version": 42, "v": {"status": {"status": {"status": {"status": {"status": {"status": "ok"}}}}}}}`: {Status: "unknown", Dependencies: verdicts{}, Version: "42"},
		`{"version": "1.0\u001b[2J\n\u202etxt"}`:           {Status: "unknown", Dependencies: verdicts{}, Version: "1.0[2Jtxt"},
		`{"version": "` + strings.Repeat("ä", 100) + `"}`:  {Status: "unknown", Dependencies: verdicts{}, Version: strings.Repeat("ä", 64)},
		`{"version": "x` + strings.Repeat("ä", 100) + `"}`: {Status: "unknown", Dependencies: verdicts{}, Version: "x" + strings.Repeat("ä", 63)},
		`{"version": null}`:                                {Status: "unknown", Dependencies: verdicts{}},
	} {
		got, err := aggregate.ParseReport([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestParseReportRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              ``,
		"text":                 `ok`,
		"a page":               `<html>ok</html>`,
		"a list":               `[{"status": "ok"}]`,
		"a string":             `"ok"`,
		"null":                 `null`,
		"cut off":              `{"status": "ok"`,
		"cut off in a key":     `{"stat`,
		"two objects":          `{"status": "ok"}{}`,
		"something behind":     `{"status": "ok"} x`,
		"a key twice":          `{"status": "ok", "status": "error"}`,
		"a key twice within":   `{"database": {"status": "ok", "status": "error"}}`,
		"no UTF-8":             "{\"status\": \"ok\xff\"}",
		"a number":             `{"database": 1}`,
		"a list of verdicts":   `{"database": [true]}`,
		"an object without":    `{"database": {"latency": 3}}`,
		"an object without in": `{"status": {"status": {}}}`,
		"nested for ever":      `{"status": ` + strings.Repeat(`{"status": `, 9) + `"ok"` + strings.Repeat(`}`, 10),
		"a version of objects": `{"version": {"major": 1}}`,
		"a version that is":    `{"version": true}`,
		"one quote":            `{'status': 'ok'}`,
		"too long":             `{"status": "ok", "padding": "` + strings.Repeat("x", aggregate.MaxReport) + `"}`,
	} {
		if got, err := aggregate.ParseReport([]byte(text)); err == nil {
			t.Errorf("%s: got %+v", name, got)
		} else if !strings.HasPrefix(err.Error(), "not a health report: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParseReportLimitsNames: each would be a metric.
func TestParseReportLimitsNames(t *testing.T) {
	keys := []string{`"database": "ok"`}
	for i := range 40 {
		keys = append(keys, fmt.Sprintf(`"d%02d": {"status": "ok"}`, i))
	}
	r, err := aggregate.ParseReport([]byte("{" + strings.Join(keys, ", ") + "}"))
	if err != nil || len(r.Dependencies) != 16 || r.Dependencies["database"] != aggregate.Up || r.Dependencies["d14"] != aggregate.Up {
		t.Errorf("%v, %v", r, err)
	}
}

func FuzzParseReport(f *testing.F) {
	for _, seed := range []string{
		`{"status": "ok", "database": true, "cache": {"status": "ok"}, "celery": null, "version": "1.2.3"}`,
		`{"status": {"ok": {"healthy": false}}, "version": 1e9, "x": {"status": []}}`,
		`{"a":1,"a":2}`, `{"database": "\ud800"}`, "\xff", `{}{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := aggregate.ParseReport(body)
		if err != nil {
			if r != nil {
				t.Errorf("a report and %v", err)
			}
			return
		}
		var object map[string]any
		if json.Unmarshal(body, &object) != nil {
			t.Error("a report that is no JSON object")
		}
		if len(r.Dependencies) > 16 || len(r.Version) > 128 || !utf8.ValidString(r.Version) {
			t.Errorf("beyond its limits: %+v", r)
		}
		known := func(v aggregate.Verdict) bool {
			return v == aggregate.Up || v == aggregate.Degraded || v == aggregate.Down || v == aggregate.Unknown
		}
		if !known(r.Status) {
			t.Errorf("status %q", r.Status)
		}
		for name, v := range r.Dependencies {
			if !known(v) || object == nil {
				t.Errorf("%s is %q", name, v)
			}
			if _, ok := object[name]; !ok {
				t.Errorf("%s is not in the report", name)
			}
		}
		if object["database"] == true && r.Dependencies["database"] != aggregate.Up {
			t.Error("database is true, and not up")
		}
	})
}
