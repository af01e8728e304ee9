package demo_test

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/demo"
	"github.com/evenkeel/evenkeel/spec"
)

func environment() *spec.Environment {
	return &spec.Environment{
		Domain: "app.example.com",
		LoadBalancer: spec.LoadBalancer{Listeners: []spec.Listener{
			{Name: "http", Port: 80, Protocol: spec.ProtocolHTTP, Rules: []spec.Rule{{Name: "teapot"}}},
			{Name: "https", Port: 443, Protocol: spec.ProtocolHTTPS, Certificates: []string{"site"}},
		}},
		Certificates: map[string]spec.Certificate{
			"site": {Files: spec.CertificateFiles{Certificate: "tls/site.crt", PrivateKey: "tls/site.key"}},
		},
		TargetGroups: []spec.TargetGroup{
			{Name: "web", Port: 8101, Targets: []spec.Target{
				{ID: "web-1", Address: "127.0.0.1"},
				{ID: "web-2", Address: "127.0.0.1", Port: 8102},
				{ID: "far", Address: "192.0.2.1"},
			}},
			{Name: "again", Port: 1, Targets: []spec.Target{{ID: "other", Address: "127.0.0.1", Port: 8102}}},
			{Name: "six", Port: 8103, Targets: []spec.Target{{Address: "::1"}}},
		},
		Proxy: spec.Proxy{
			Bind:  map[string]string{"http": "127.0.0.1:8080", "https": "[::1]:8443"},
			Admin: spec.Admin{Listen: "127.0.0.1:9000"},
		},
	}
}

func TestFleetIsTheLoopbackTargets(t *testing.T) {
	fleet, err := demo.NewFleet(environment(), "1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"web-1 127.0.0.1:8101 target_groups[0].port",
		"web-2 127.0.0.1:8102 target_groups[0].targets[1].port",
		"[::1]:8103 [::1]:8103 target_groups[2].port",
	}
	var got []string
	for _, target := range fleet.Targets {
		got = append(got, target.Name+" "+target.Addr.String()+" "+target.Key)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("fleet\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := demo.NewFleet(&spec.Environment{}, "1"); err == nil {
		t.Error("a fleet of nothing is no error")
	}
}

func TestFleetStartsWhollyOrNotAtAll(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	fleet := &demo.Fleet{}
	for i, address := range []string{"127.0.0.1:0", taken.Addr().String()} {
		target := demo.NewTarget([]string{"good", "bad"}[i], addrPort(t, address), "", "")
		fleet.Targets = append(fleet.Targets, target)
	}
	if err := fleet.Start(t.Context()); err == nil {
		t.Fatal("a port was opened twice")
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", fleet.Targets[0].Addr.String())
	if err == nil {
		conn.Close()
		t.Error("a target was left behind")
	}
}

func addrPort(t *testing.T, address string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCertificatesAreMadeOnceAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	crt, key := filepath.Join(dir, "tls", "site.crt"), filepath.Join(dir, "tls", "site.key")
	env := environment()
	if err := demo.EnsureCertificates(env, dir); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(crt, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "app.example.com"} {
		if err := pair.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", info.Mode(), err)
	}
	before, _ := os.ReadFile(crt)
	if err := demo.EnsureCertificates(env, dir); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(crt); string(after) != string(before) {
		t.Error("a good certificate was made anew")
	}
	if err := os.WriteFile(crt, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := demo.EnsureCertificates(env, dir); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(crt); string(after) != "somebody's" {
		t.Error("somebody's certificate was overwritten")
	}
}

func TestTourShowsWhatThereIs(t *testing.T) {
	env := environment()
	fleet, err := demo.NewFleet(env, "1")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := demo.NewTour(env, fleet, "evenkeel", "site.yaml").Write(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"http://localhost:8080/", "https://localhost:8443/", "http://127.0.0.1:9000/", "http://127.0.0.1:8101/",
		"curl -si http://localhost:8080/teapot", "evenkeel status --admin 127.0.0.1:9000", "evenkeel print site.yaml",
		"curl -s -X POST http://127.0.0.1:8101/break",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the tour lacks %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "/sticky") {
		t.Error("the tour shows a rule that the environment does not have")
	}
}

// TestCarriedEnvironmentRuns proves that the program alone can demonstrate.
func TestCarriedEnvironmentRuns(t *testing.T) {
	file, err := demo.Unpack(filepath.Join(t.TempDir(), "demo"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := spec.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := demo.NewFleet(env, "1")
	if err != nil {
		t.Fatal(err)
	}
	if len(fleet.Targets) != 3 {
		t.Errorf("the demo has %d targets, want 3", len(fleet.Targets))
	}
	for _, step := range demo.NewTour(env, fleet, "evenkeel", file).Steps {
		if len(step.Commands) == 0 {
			t.Errorf("%s: nothing to try", step.Title)
		}
	}
}
