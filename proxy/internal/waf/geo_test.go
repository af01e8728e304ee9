package waf_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/evenkeel/evenkeel/proxy/internal/waf"
	"github.com/evenkeel/evenkeel/spec"
)

// database makes a file of these records by their networks.
func database(t testing.TB, records map[string]mmdbtype.Map) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range records {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(n, record); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "countries.mmdb")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func nested(code string) mmdbtype.Map {
	return mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
}

func flat(code string) mmdbtype.Map { return mmdbtype.Map{"country_code": mmdbtype.String(code)} }

func geo(t testing.TB, path string) (*waf.Firewall, error) {
	t.Helper()
	return waf.Compile(&spec.Environment{
		WAF:   spec.WAF{DefaultAction: spec.WAFAllow, GeoMatch: spec.GeoMatch{CountryCodes: []string{"KP", "NL"}, Action: spec.WAFBlock}},
		Proxy: spec.Proxy{GeoDatabase: path},
	}, waf.Options{})
}

func TestGeoMatch(t *testing.T) {
	f, err := geo(t, database(t, map[string]mmdbtype.Map{
		"192.0.2.0/24": nested("NL"), "198.51.100.0/24": nested("DE"), "2001:db8::/32": flat("KP"), "203.0.113.0/24": {"asn": mmdbtype.Uint32(1)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]waf.Outcome{
		"192.0.2.1": waf.Blocked, "198.51.100.1": waf.Allowed, "2001:db8::1": waf.Blocked, "203.0.113.1": waf.Allowed,
		"127.0.0.1": waf.Allowed, "::1": waf.Allowed, "::ffff:192.0.2.9": waf.Blocked,
	} {
		if v := f.Judge(request(client, "/")); v.Outcome != want {
			t.Errorf("%s: %+v", client, v)
		}
	}
	if c := f.Counts(); c[0].Rule != spec.GeoMatchRule || c[0].Blocked != 3 {
		t.Errorf("%+v", c)
	}
}

// TestGeoWithoutDatabase: there is no rule, which NotServed says.
func TestGeoWithoutDatabase(t *testing.T) {
	f, err := geo(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Counts()) != 1 {
		t.Errorf("%+v", f.Counts())
	}
}

func TestGeoDatabaseFaults(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.mmdb")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/nowhere/x.mmdb": "no such file",
		junk:              "no MaxMind DB file",
		database(t, map[string]mmdbtype.Map{"192.0.2.0/24": {"asn": mmdbtype.Uint32(1)}}): `names no countries (got a database of type "Test-Country"`,
	} {
		if _, err := geo(t, path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "proxy.geo_database") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
