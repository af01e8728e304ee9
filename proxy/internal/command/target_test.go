package command_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/command"
)

// TestTargetCommands plays the admin listener and looks at what it is told, and by whom.
func TestTargetCommands(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got = append(got, r.Method+" "+r.URL.Path+" "+user+":"+password+" "+r.PostFormValue("target_group")+" "+r.PostFormValue("target")+" "+r.PostFormValue("action")+" "+r.PostFormValue("weight"))
		if password != "secret" {
			http.Error(w, "user or password is wrong", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"before": "ready", "after": r.PostFormValue("action")})
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("secret\r\nnot this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EVENKEEL_ADMIN", server.Listener.Addr().String())
	t.Setenv("EVENKEEL_USER", "alice")
	t.Setenv("EVENKEEL_PASSWORD", "secret")
	for _, c := range []struct {
		args   []string
		status int
		asked  string
		says   string
	}{
		{[]string{"drain", "web", "web-1"}, 0, "alice:secret web web-1 drain ", "web-1 of web: drain (was ready)\n"},
		{[]string{"maintenance", "web", "10.0.0.1:80"}, 0, "alice:secret web 10.0.0.1:80 maintenance ", "10.0.0.1:80 of web: maintenance (was ready)\n"},
		{[]string{"ready", "web", "web-1"}, 0, "alice:secret web web-1 ready ", "web-1 of web: ready (was ready)\n"},
		{[]string{"weight", "web", "web-1", "7"}, 0, "alice:secret web web-1 weight 7", "web-1 of web: weight (was ready)\n"},
		{[]string{"ready", "web", "web-1", "--user=bob", "--password-file=" + file}, 0, "bob:secret web web-1 ready ", "web-1 of web: ready (was ready)\n"},
		{[]string{"weight", "web", "web-1", "257"}, 2, "", "weight is 1 to 256"},
		{[]string{"ready", "web", "web-1", "--password-file=" + file + ".not"}, 1, "", "password: "},
		{[]string{"stop", "web", "web-1"}, 2, "", "evenkeel --help"},
	} {
		got = nil
		var out, complaint strings.Builder
		if status := command.Main(append([]string{"target"}, c.args...), &out, &complaint); status != c.status || !strings.Contains(out.String()+complaint.String(), c.says) {
			t.Errorf("%q: %d %s%s", c.args, status, out.String(), complaint.String())
		}
		if asked := strings.Join(got, "\n"); asked != "" && asked != "POST /stats/target "+c.asked || asked == "" && c.asked != "" {
			t.Errorf("%q asked for %q", c.args, asked)
		}
	}
	t.Setenv("EVENKEEL_PASSWORD", "")
	got = nil
	var missing strings.Builder
	if status := command.Main([]string{"target", "ready", "web", "web-1"}, &missing, &missing); status != 1 || len(got) != 0 || !strings.Contains(missing.String(), "password of alice is missing") {
		t.Errorf("no password: %d %s", status, missing.String())
	}
	t.Setenv("EVENKEEL_PASSWORD", "wrong")
	var out, complaint strings.Builder
	if status := command.Main([]string{"target", "drain", "web", "web-1"}, &out, &complaint); status != 1 || !strings.Contains(complaint.String(), "user or password is wrong") {
		t.Errorf("%d %s", status, complaint.String())
	}
}
