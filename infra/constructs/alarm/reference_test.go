package alarm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/infra/constructs/alarm"
)

const (
	root      = "../../.."
	reference = root + "/docs/reference/alarms.md"
	schema    = root + "/docs/reference/environment-file.schema.json"
)

// period is d as people say it.
func period(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	default:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
}

func window(k alarm.Kind) string {
	w := k.Window
	switch {
	case k.WindowWords != "":
		return k.WindowWords
	case w.Datapoints == w.Periods:
		return fmt.Sprintf("%s × %d", period(w.Period), w.Periods)
	default:
		return fmt.Sprintf("%s × %d of %d", period(w.Period), w.Datapoints, w.Periods)
	}
}

// missing are CloudWatch's treatments in words.
var missing = map[alarm.MissingData]string{
	alarm.NotBreaching: "is fine",
	alarm.Breaching:    "alarms",
	alarm.Ignore:       "changes nothing",
	alarm.Insufficient: "is told as such",
}

func TestReferenceIsFresh(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Alarms

<!-- Made from infra/constructs/alarm by ` + "`go test ./infra/constructs/alarm -update`" + `. -->

Every kind of alarm that an environment can have on AWS. An alarm is called
` + "`<app>-<environment>-<alarm>`" + `, with a hyphen and its subject if there are several of the kind, such as a
target group, a fleet or a queue. Those of CloudFront are in us-east-1, all others in the environment's region. All tell
` + "`alarms.notify`" + ` when they begin and when they end. What has nothing to watch has no alarm.

A timing of 1 min × 3 of 5 means that three of the last five minutes have to cross the threshold. Missing data that
*is fine* counts as within the threshold; what *is told as such* sends a message that data is missing.

| alarm | severity | metric | threshold | timing | missing data | runbook |
|---|---|---|---|---|---|---|
`)
	for _, k := range alarm.Kinds() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s: %s | [%[1]s](../runbooks/%[1]s.md) |\n",
			k.Name, k.Severity, k.Measure, k.Limit, window(k), missing[k.Missing], k.MissingReason)
	}
	if *update {
		if err := os.WriteFile(reference, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reference)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the source makes of it: run go test ./infra/constructs/alarm -update (%v)", reference, err)
	}
}

// TestThresholdsNameKeysThatExist holds what the reference says to the environment file.
func TestThresholdsNameKeysThatExist(t *testing.T) {
	text, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile("`([a-z_]+(?:\\[\\])?(?:\\.[a-z0-9_*]+(?:\\[\\])?)+)`")
	found := 0
	for _, k := range alarm.Kinds() {
		for _, m := range key.FindAllStringSubmatch(k.Measure+k.Limit+k.WindowWords, -1) {
			found++
			if !exists(whole, m[1]) {
				t.Errorf("%s speaks of %s, which no environment file has", k.Name, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no threshold names a key")
	}
}

// exists follows a path through the schema.
func exists(whole map[string]any, path string) bool {
	at := whole
	follow := func() {
		if ref, ok := at["$ref"].(string); ok {
			at, _ = whole["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		}
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(path, "[]", ".[]"), ".") {
		follow()
		switch part {
		case "*":
			at, _ = at["additionalProperties"].(map[string]any)
		case "[]":
			at, _ = at["items"].(map[string]any)
		default:
			properties, _ := at["properties"].(map[string]any)
			at, _ = properties[part].(map[string]any)
		}
		if at == nil {
			return false
		}
	}
	return true
}

func TestEveryKindHasARunbook(t *testing.T) {
	// Of what AWS runs itself the container's rules for Prometheus tell.
	want := []string{"discovery-failing.md", "log-lines-dropped.md", "proxy-absent.md", "reload-failed.md"}
	for _, k := range alarm.Kinds() {
		want = append(want, filepath.Base(k.Runbook()))
	}
	files, err := filepath.Glob(root + "/docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range files {
		got = append(got, filepath.Base(name))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("runbooks are %q, kinds want %q", got, want)
	}
}

// TestRunbooksAreOfOneForm, so that someone half asleep finds the line.
func TestRunbooksAreOfOneForm(t *testing.T) {
	sections := []string{"## What it means", "## Who notices", "## Look at", "## What to do", "## When it is over"}
	for _, k := range alarm.Kinds() {
		raw, err := os.ReadFile(filepath.Join(root, k.Runbook()))
		if err != nil {
			t.Error(err)
			continue
		}
		text := string(raw)
		if want := fmt.Sprintf("# %s\n\nSeverity: **%s**.", k.Name, k.Severity); !strings.HasPrefix(text, want) {
			t.Errorf("%s does not begin with %q", k.Runbook(), want)
		}
		if lines := strings.Count(text, "\n"); lines > 60 {
			t.Errorf("%s has %d lines, too many to read at night", k.Runbook(), lines)
		}
		if got := regexp.MustCompile(`(?m)^## .*$`).FindAllString(text, -1); !slices.Equal(got, sections) {
			t.Errorf("%s has sections %q", k.Runbook(), got)
		}
		if strings.Count(text, "```")%2 != 0 || !strings.Contains(text, "```sh\n") {
			t.Errorf("%s has no commands, or an open block of them", k.Runbook())
		}
	}
}

// TestRunbooksNameKeysThatExist: what a runbook says to change can be changed.
func TestRunbooksNameKeysThatExist(t *testing.T) {
	text, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile("`((?:alarms|proxy|data|waf|edge|aws|load_balancer)(?:\\.[a-z0-9_]+(?:\\[\\])?)+)`")
	found := 0
	for _, k := range alarm.Kinds() {
		raw, err := os.ReadFile(filepath.Join(root, k.Runbook()))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(raw), -1) {
			found++
			if !exists(whole, m[1]) {
				t.Errorf("%s speaks of %s, which no environment file has", k.Runbook(), m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no runbook names a key")
	}
}
