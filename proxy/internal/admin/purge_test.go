package admin_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
)

// TestPurge is ordered from the page, and by a script with its user and password.
func TestPurge(t *testing.T) {
	d := newDesk(t)
	d.signIn()
	token := d.token()
	if got := d.send("/stats/purge", url.Values{"path": {"/a/*"}}, "X-CSRF-Token", token); got.StatusCode != 200 || got.body != "{\n  \"answers\": 3\n}\n" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := d.send("/stats/purge", url.Values{}, "X-CSRF-Token", token); got.StatusCode != 422 || got.body != "no such path\n" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	c := admin.Client{Addr: strings.TrimPrefix(d.server.URL, "http://"), User: "alice", Password: password}
	if got, err := c.Purge(t.Context(), "/a/*"); err != nil || got.Answers != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.Purge(t.Context(), "/b"); err == nil || !strings.Contains(err.Error(), "422 Unprocessable Entity: no such path") {
		t.Errorf("%v", err)
	}
	if got := fmt.Sprint(d.process.purged); got != "[/a/* /a/*]" {
		t.Errorf("purged %s", got)
	}
}
