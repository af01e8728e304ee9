package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var sentAt = time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)

func captured(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCapturedEventsAreRead(t *testing.T) {
	const metadata = `{"heartbeat":"5m0s","maximum":"15m0s","on_timeout":"continue"}`
	base := Drain{
		Group: "app-prod-web", Hook: "drain", Instance: "i-0123456789abcdef0", Token: "87654321-4321-4321-4321-210987654321",
		Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	with := func(change func(*Drain)) Drain {
		d := base
		change(&d)
		return d
	}
	precise := base.Started.Add(123 * time.Millisecond)
	for name, want := range map[string]Message{
		"eventbridge-terminate": {Kind: KindHook, Drain: with(func(d *Drain) { d.Metadata = metadata })},
		"eventbridge-warm-pool": {Kind: KindHook, Drain: with(func(d *Drain) { d.Metadata, d.WarmPool = metadata, true })},
		"eventbridge-launch":    {Why: "event_of_another_type"},
		"hook-direct":           {Kind: KindHook, Direct: true, Drain: with(func(d *Drain) { d.Metadata, d.Started = metadata, precise })},
		"hook-sns":              {Kind: KindHook, Direct: true, Drain: with(func(d *Drain) { d.Started = precise })},
		"test-notification":     {Why: "test_notification"},
		"spot-interruption": {
			Kind:  KindInterruption,
			Drain: Drain{Instance: base.Instance, Started: base.Started, By: base.Started.Add(2 * time.Minute)},
		},
		"rebalance-recommendation": {Kind: KindRebalance, Drain: Drain{Instance: base.Instance, Started: base.Started}},
		"health-scheduled-change":  {Why: "event_of_another_type"},
		"reconcile":                {Kind: KindReconcile},
		"step": {Kind: KindStep, Drain: with(func(d *Drain) {
			d.Heartbeat, d.Due = base.Started.Add(time.Minute), base.Started.Add(90*time.Second)
		})},
	} {
		got, err := Parse(captured(t, name), sentAt)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestEveryCapturedEventIsTested(t *testing.T) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("event_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if quoted := `"` + strings.TrimSuffix(filepath.Base(name), ".json") + `"`; !strings.Contains(string(text), quoted) {
			t.Errorf("%s is in no test", name)
		}
	}
}

func TestBadMessagesAreRefused(t *testing.T) {
	direct := captured(t, "hook-direct")
	for want, body := range map[string]string{
		"unexpected end":                           ``,
		"cannot unmarshal string":                  `"text"`,
		"cannot unmarshal array":                   `[]`,
		"LifecycleTransition: got \"\"":            `{}`,
		"LifecycleTransition: got \"x\"":           `{"LifecycleTransition":"x"}`,
		`source "me"`:                              `{"source":"me"}`,
		`type "Else"`:                              `{"source":"evenkeel.drain","detail-type":"Else"}`,
		"instance: got \"i-x\"":                    strings.ReplaceAll(direct, "i-0123456789abcdef0", "i-x"),
		"instance: got \"\"":                       strings.ReplaceAll(direct, "EC2InstanceId", "Other"),
		"group: got \"\"":                          strings.ReplaceAll(direct, "AutoScalingGroupName", "Other"),
		"hook: got \"a b\"":                        strings.ReplaceAll(direct, `"drain"`, `"a b"`),
		"token: got":                               strings.ReplaceAll(direct, "87654321-4321", "'; --"),
		"instance-id: got \"me\"":                  `{"source":"aws.ec2","detail-type":"EC2 Spot Instance Interruption Warning","detail":{"instance-id":"me"}}`,
		"detail: unexpected end":                   `{"source":"aws.autoscaling","detail-type":"EC2 Instance-terminate Lifecycle Action"}`,
		"started is missing":                       `{"source":"evenkeel.drain","detail-type":"Step","detail":{"group":"g","hook":"h","instance":"i-12345678"}}`,
		"LifecycleTransition: got \"\", want auto": `{"Type":"Notification","Message":"{\"Type\":\"Notification\",\"Message\":\"{}\"}"}`,
	} {
		if m, err := Parse(body, sentAt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v and error %v, want %q", body, m, err, want)
		}
	}
}

func TestStepIsReadAsWritten(t *testing.T) {
	d := Drain{
		Group: "app-prod-web", Hook: "drain", Instance: "i-0123456789abcdef0", Token: "t", Metadata: `{"heartbeat":"5m"}`,
		Started: sentAt, Heartbeat: sentAt.Add(time.Second), By: sentAt.Add(time.Minute), WarmPool: true, Due: sentAt.Add(1500 * time.Millisecond),
	}
	body, err := d.step()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(body, sentAt)
	if diff := cmp.Diff(Message{Kind: KindStep, Drain: d}, got); err != nil || diff != "" {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
}

func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		f.Add(captured(f, strings.TrimSuffix(filepath.Base(name), ".json")))
	}
	f.Fuzz(func(t *testing.T, body string) {
		m, err := Parse(body, sentAt)
		if err != nil {
			if m != (Message{}) {
				t.Errorf("error and %+v", m)
			}
			return
		}
		switch m.Kind {
		case KindHook, KindStep:
			if err := m.Drain.check(); err != nil {
				t.Errorf("accepted %v", err)
			}
			text, err := m.Drain.step()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Parse(text, sentAt); err != nil || again.Drain.Instance != m.Drain.Instance {
				t.Errorf("%+v is read as %+v, error %v", m, again, err)
			}
		case KindInterruption, KindRebalance:
			if !instanceShape.MatchString(m.Drain.Instance) {
				t.Errorf("accepted instance %q", m.Drain.Instance)
			}
		case KindIgnored:
			if m.Why == "" {
				t.Error("ignored without a reason")
			}
		case KindReconcile:
		}
	})
}

// After a notice for a spot instance that could not be looked at, nobody knows its group yet.
func TestStepOfAnUnknownGroupIsReadAsWritten(t *testing.T) {
	want := Drain{Instance: "i-0123456789abcdef0", Started: sentAt, By: sentAt.Add(time.Minute)}
	body, err := want.step()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(body, sentAt)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Message{Kind: KindStep, Drain: want}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	half := want
	half.Group = "app-prod-web"
	if body, err = half.step(); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(body, sentAt); err == nil || !strings.Contains(err.Error(), "hook") {
		t.Errorf("a group without a hook: got %v, want an error about the hook", err)
	}
}
