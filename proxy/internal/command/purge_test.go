package command_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/command"
)

// TestPurgeCommand plays the admin listener, which refuses one path.
func TestPurgeCommand(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		path := r.PostFormValue("path")
		got = append(got, r.Method+" "+r.URL.Path+" "+user+":"+password+" "+path)
		if path == "/b*b" {
			http.Error(w, "path has a * inside", http.StatusUnprocessableEntity)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]int{"answers": len(path)})
	}))
	defer server.Close()
	t.Setenv("EVENKEEL_ADMIN", server.Listener.Addr().String())
	t.Setenv("EVENKEEL_USER", "alice")
	t.Setenv("EVENKEEL_PASSWORD", "secret")
	for _, c := range []struct {
		args        []string
		status      int
		asked, says string
	}{
		{[]string{"/a/*", "/b c?"}, 0, "POST /stats/purge alice:secret /a/*\nPOST /stats/purge alice:secret /b c?", "/a/*: 4 answers dropped\n/b c?: 5 answers dropped\n"},
		{[]string{"/b*b", "/a"}, 1, "POST /stats/purge alice:secret /b*b", "path has a * inside"},
		{nil, 2, "", "evenkeel --help"},
	} {
		got = nil
		var out, complaint strings.Builder
		if status := command.Main(append([]string{"purge"}, c.args...), &out, &complaint); status != c.status || !strings.Contains(out.String()+complaint.String(), c.says) {
			t.Errorf("%q: %d %s%s", c.args, status, out.String(), complaint.String())
		}
		if asked := strings.Join(got, "\n"); asked != c.asked {
			t.Errorf("%q asked for %q", c.args, asked)
		}
	}
}
