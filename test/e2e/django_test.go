//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/aggregate"
	"github.com/evenkeel/evenkeel/test/harness"
)

// djangoPath is the application's own check of all that it depends on.
const djangoPath = "/health/?check_celery=true"

// python is Debian's own, as its packages are for no other. It fails the test without a module.
func python(t *testing.T, module, pkg string) string {
	t.Helper()
	program := tool(t, "/usr/bin/python3", "python3")
	if err := exec.Command(program, "-c", "import "+module).Run(); err != nil {
		t.Fatalf("%s is missing: apt-get install %s", module, pkg)
	}
	return program
}

// django runs the application of test/app with more variables in its environment, and returns
// its address.
func django(t *testing.T, variables ...string) string {
	t.Helper()
	address := harness.FreeAddress(t)
	args := append(variables, python(t, "django", "python3-django"), filepath.Join("..", "app", "manage.py"), "runserver", "--noreload", address)
	harness.Start(t, tool(t, "env", "coreutils"), args...).WaitListening(address)
	return address
}

// TestDjango has deep checks ask a real Django, with its dependencies in each condition.
func TestDjango(t *testing.T) {
	nobody := harness.FreeAddress(t)
	for name, c := range map[string]struct {
		variables []string
		want      aggregate.Result
	}{
		"all is well": {[]string{"APP_VERSION=2.4.1"}, aggregate.Result{
			Outcome: aggregate.Passed, Status: 200,
			Report: &aggregate.Report{Status: "up", Version: "2.4.1", Dependencies: map[string]aggregate.Verdict{"database": "up", "cache": "up", "celery": "unknown"}},
		}},
		"database is away": {[]string{"DATABASE=%DISK%/database"}, aggregate.Result{
			Outcome: aggregate.Failing, Status: 503,
			Report: &aggregate.Report{Status: "down", Version: "dev", Dependencies: map[string]aggregate.Verdict{"database": "down", "cache": "up", "celery": "unknown"}},
		}},
		"cache is away": {[]string{"CACHE=%DISK%/cache"}, aggregate.Result{
			Outcome: aggregate.Impaired, Status: 200,
			Report: &aggregate.Report{Status: "degraded", Version: "dev", Dependencies: map[string]aggregate.Verdict{"database": "up", "cache": "down", "celery": "unknown"}},
		}},
		"broker is away": {[]string{"CELERY_BROKER_URL=amqp://" + nobody}, aggregate.Result{
			Outcome: aggregate.Impaired, Status: 200,
			Report: &aggregate.Report{Status: "degraded", Version: "dev", Dependencies: map[string]aggregate.Verdict{"database": "up", "cache": "up", "celery": "down"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := filepath.Join(t.TempDir(), "disk")
			if err := os.Mkdir(disk, 0o700); err != nil {
				t.Fatal(err)
			}
			for i := range c.variables {
				c.variables[i] = strings.ReplaceAll(c.variables[i], "%DISK%", disk)
			}
			address := django(t, c.variables...)
			// Not before: what has no database does not start.
			if err := errors.Join(os.RemoveAll(disk), os.WriteFile(disk, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			got := aggregate.NewChecker(djangoPath, nil).Check(t.Context(), []aggregate.Endpoint{{Address: address}})[0]
			t.Logf("the check took %v", got.Duration)
			got.Duration = 0
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			// What the load balancer asks depends on nothing that targets share.
			answer, err := http.Get("http://" + address + "/health/")
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			var shallow map[string]string
			if err := json.NewDecoder(answer.Body).Decode(&shallow); err != nil || answer.StatusCode != 200 || shallow["status"] != "ok" {
				t.Errorf("/health/: %d %v, %v", answer.StatusCode, shallow, err)
			}
		})
	}
}

// TestDjangoWithWorkers has Celery's workers come and go.
func TestDjangoWithWorkers(t *testing.T) {
	python := python(t, "celery, redis", "python3-celery python3-redis")
	broker := harness.FreeAddress(t)
	_, port, _ := strings.Cut(broker, ":")
	harness.Start(t, tool(t, "redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", "").WaitListening(broker)
	url := "redis://" + broker + "/0"
	address := django(t, "CELERY_BROKER_URL="+url)
	checker := aggregate.NewChecker(djangoPath, nil)
	celery := func() aggregate.Verdict {
		got := checker.Check(t.Context(), []aggregate.Endpoint{{Address: address}})[0]
		if got.Report == nil {
			t.Fatalf("got %+v", got)
		}
		return got.Report.Dependencies["celery"]
	}
	if got := celery(); got != aggregate.Down {
		t.Errorf("without workers: %s", got)
	}
	worker := harness.Start(t, python, "-m", "celery", "--broker", url, "worker", "--pool", "solo", "--loglevel", "INFO")
	worker.Until("answering", func() bool { return celery() == aggregate.Up })
	worker.Signal(os.Interrupt)
	_ = worker.Wait() // it says how it was ended
	if got := celery(); got != aggregate.Down {
		t.Errorf("after the worker's end: %s", got)
	}
}
