package admin_test

import (
	"encoding/csv"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/admin"
	"github.com/evenkeel/evenkeel/targethealth"
)

// TestNginxStatus wants stub_status's own bytes, and only who is allowed to have them.
func TestNginxStatus(t *testing.T) {
	h := handler(&process{})
	for peer, want := range map[string]int{"127.0.0.1:5": 200, "[::ffff:127.0.0.9]:5": 200, "[::1]:5": 200, "192.0.2.1:5": 403, "nonsense": 403} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/nginx_status", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:8404", peer
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", peer, w.Code, want)
		}
		if body := "Active connections: 291 \nserver accepts handled requests\n 16630950 16630948 31070465 \nReading: 6 Writing: 179 Waiting: 106 \n"; want == 200 && w.Body.String() != body {
			t.Errorf("got %q, want %q", w.Body, body)
		}
	}
}

// TestStatsCSV reads the lines as HAProxy's monitors do: by the names of the first.
func TestStatsCSV(t *testing.T) {
	stats := sampleStats()
	web := &stats.TargetGroups[0]
	for i, c := range []struct {
		state  targethealth.State
		order  string
		status string
	}{
		{targethealth.Healthy, admin.ActionReady, "UP"},
		{targethealth.Unhealthy, admin.ActionReady, "DOWN"},
		{targethealth.Initial, admin.ActionReady, "DOWN"},
		{targethealth.Draining, admin.ActionReady, "DRAIN"},
		{targethealth.Unused, admin.ActionReady, "no check"},
		{targethealth.Healthy, admin.ActionDrain, "DRAIN"},
		{targethealth.Unhealthy, admin.ActionDrain, "DOWN"},
		{targethealth.Unavailable, admin.ActionMaintenance, "MAINT"},
	} {
		one := web.Targets[0]
		one.ID, one.Address, one.State, one.Administrative, one.Description = fmt.Sprint("x", i), c.status, c.state, c.order, ""
		web.Targets = append(web.Targets, one)
	}
	web.Targets = web.Targets[2:]
	w := ask(t, handler(&process{stats: stats}), "GET", "/stats;csv")
	text, ok := strings.CutPrefix(w.Body.String(), "# ")
	if w.Code != 200 || !ok {
		t.Fatalf("got %d and %.20q", w.Code, w.Body)
	}
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	rows := map[string]map[string]string{}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for name, i := range column {
			row[name] = line[i]
		}
		rows[row["pxname"]+"/"+row["svname"]] = row
	}
	for i := range stats.Listeners {
		if row := rows[stats.Listeners[i].Name+"/FRONTEND"]; row["status"] != "OPEN" || row["type"] != "0" {
			t.Errorf("frontend: got %v", row)
		}
	}
	for i := range stats.TargetGroups {
		g := &stats.TargetGroups[i]
		if row := rows[g.Name+"/BACKEND"]; row["act"] != map[string]string{"web": "1", "idle": "0"}[g.Name] {
			t.Errorf("%s active targets of %s", row["act"], g.Name)
		}
		if row := rows[g.Name+"/BACKEND"]; row["type"] != "1" || row["status"] == "" || row["qcur"] != "4" || row["qlimit"] != "50" || row["wretr"] != "6" {
			t.Errorf("backend: got %v", row)
		}
		for j := range g.Targets {
			target := &g.Targets[j]
			row := rows[g.Name+"/"+target.ID]
			if row["type"] != "2" || row["status"] != target.Address || row["stot"] == "" || row["slim"] != "40" || row["hrsp_5xx"] == "" {
				t.Errorf("server %s: got %v", target.ID, row)
			}
		}
	}
}
