package aggregate_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/spec"
	"github.com/evenkeel/evenkeel/targethealth"
)

var update = flag.Bool("update", false, "write the example into the reference")

const reference = "../docs/reference/health-aggregate.md"

// example is an environment in the middle of a deploy, while its broker is away and one
// instance has a fault of its own.
func example() *aggregate.Document {
	broker := func(version string) func(*aggregate.Target) {
		return says(aggregate.Impaired, version, aggregate.Up, aggregate.Up, aggregate.Down)
	}
	web := group("web",
		target(0, up, broker("2.4.0")), target(1, up, broker("2.4.0")), target(2, up, broker("2.4.1")), target(3, up, ends(aggregate.TimedOut)),
		target(4, down, because(targethealth.ReasonTimeout), ends(aggregate.NoAnswer)),
		target(6, initial, because(targethealth.ReasonInitialHealthChecking), since(45*time.Second), ends(aggregate.NoAnswer)),
		target(7, draining, because(targethealth.ReasonDeregistrationInProgress)),
	)
	o := site([]aggregate.Group{web}, fleet(inService(0), inService(1), inService(2), inService(3), inService(4), inService(6), instance(7, "Terminating")))
	return aggregate.Build(o, quorum).At(noon.Add(12 * time.Second))
}

// TestReferenceShowsTheDocument keeps the example in the reference what the code makes, and
// its tables complete.
func TestReferenceShowsTheDocument(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), "```json\n")
	_, after, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatalf("%s has no example", reference)
	}
	example, err := json.MarshalIndent(example(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := before + "```json\n" + string(example) + "\n```\n" + after
	if *update {
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("go test ./aggregate -update, and look at it:\n%s", diff)
	}
	for _, name := range append(keys(reflect.TypeFor[aggregate.Document]()), words()...) {
		if !strings.Contains(before+after, "`"+name+"`") {
			t.Errorf("%s does not tell of `%s`", reference, name)
		}
	}
}

// keys lists all keys of a document.
func keys(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	var list []string
	for field := range t.Fields() {
		list = append(list, field.Tag.Get("json"))
		list = append(list, keys(field.Type)...)
	}
	return list
}

// words are the values that have a meaning of ours.
func words() []string {
	var list []string
	for _, s := range []aggregate.Status{aggregate.StatusOK, aggregate.StatusIdle, aggregate.StatusDegraded, aggregate.StatusUnknown, aggregate.StatusDown} {
		list = append(list, string(s))
	}
	for _, o := range []aggregate.Outcome{
		aggregate.Passed, aggregate.Impaired, aggregate.Failing, aggregate.BadStatus, aggregate.NoReport, aggregate.TimedOut, aggregate.NoAnswer, aggregate.NotAsked,
	} {
		list = append(list, string(o))
	}
	for _, w := range []aggregate.Why{aggregate.NotRegistered, aggregate.TargetUnhealthy, aggregate.DeepFailing, aggregate.NotInFleet, aggregate.LeavingInService} {
		list = append(list, string(w))
	}
	return list
}

// TestDocumentTellsNothingOfItsPlace: whoever may ask for it learns no address.
func TestDocumentTellsNothingOfItsPlace(t *testing.T) {
	a := example().Answer("GET", noon)
	if bytes.Contains(a.Body, []byte("10.0.0.")) {
		t.Errorf("an address: %s", a.Body)
	}
}

func TestAnswers(t *testing.T) {
	good := aggregate.Build(site([]aggregate.Group{group("web", times(2, 0, up)...)}), quorum)
	bad := aggregate.Build(site([]aggregate.Group{group("web", times(2, 0, down)...)}), quorum)
	get, head := good.Answer("GET", noon.Add(30*time.Second)), good.Answer("HEAD", noon)
	var d struct {
		Status string  `json:"status"`
		Age    float64 `json:"age_seconds"`
	}
	if err := json.Unmarshal(get.Body, &d); err != nil || get.Status != 200 || d.Status != "ok" || d.Age != 30 {
		t.Errorf("GET: %d %s, %v", get.Status, get.Body, err)
	}
	if good.Age != 0 {
		t.Error("an answer changes the document")
	}
	if head.Status != 200 || head.Body != nil || !cmp.Equal(head.Header, get.Header) {
		t.Errorf("HEAD: %+v", head)
	}
	if get.Header["Content-Type"] != "application/json" || get.Header["Cache-Control"] != "no-store" {
		t.Errorf("header %v", get.Header)
	}
	if a := bad.Answer("GET", noon); a.Status != 503 || len(a.Body) == 0 {
		t.Errorf("down: %d", a.Status)
	}
	for method, want := range map[string]int{"POST": 405, "DELETE": 405, "": 405, "get": 405, "OPTIONS": 204} {
		if a := aggregate.Refuse(method); a == nil || a.Status != want || a.Header["Allow"] != "GET, HEAD, OPTIONS" {
			t.Errorf("%q: %+v", method, a)
		}
	}
	if aggregate.Refuse("GET") != nil || aggregate.Refuse("HEAD") != nil {
		t.Error("GET or HEAD is refused")
	}
	for _, a := range []*aggregate.Answer{aggregate.NotFound("HEAD"), aggregate.Unmeasured("HEAD")} {
		if a.Body != nil {
			t.Errorf("HEAD %d has a body", a.Status)
		}
	}
	if a := aggregate.Unmeasured("GET"); a.Status != 503 || a.Header["Retry-After"] != "60" || !json.Valid(a.Body) {
		t.Errorf("unmeasured: %+v", a)
	}
}

func TestDocumentsGrowOld(t *testing.T) {
	d := aggregate.Build(site(nil), quorum)
	for age, want := range map[time.Duration]bool{0: true, 59 * time.Second: true, time.Minute: false, time.Hour: false, -time.Second: false} {
		if d.Fresh(noon.Add(age)) != want {
			t.Errorf("after %v: fresh is %v", age, !want)
		}
	}
	if got := d.At(noon.Add(-time.Second)).Age; got != 0 {
		t.Errorf("a clock that was set back makes an age of %v", got)
	}
	if spec.HealthInterval > aggregate.MaxAge {
		t.Error("the last measurement is too old before the next is made")
	}
}
