package tlspolicy_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/tlspolicy"
	"github.com/evenkeel/evenkeel/spec"
)

const prefix = "ELBSecurityPolicy-"

// usable are the policies that Lookup does not refuse.
func usable() []tlspolicy.Policy {
	var list []tlspolicy.Policy
	for _, name := range tlspolicy.Names() {
		if p, ok := tlspolicy.Lookup(name); ok {
			list = append(list, p)
		}
	}
	return list
}

func TestEveryNameOfAWSIsKnown(t *testing.T) {
	names := spec.SSLPolicies()
	slices.Sort(names)
	if got := tlspolicy.Names(); !slices.Equal(got, names) {
		t.Errorf("got\n%q\nwant\n%q", got, names)
	}
	for _, name := range names {
		if !tlspolicy.Known(name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"", prefix, strings.ToLower(names[0]), names[0] + " ", "TLS13-1-2-2021-06"} {
		if _, ok := tlspolicy.Lookup(name); ok || tlspolicy.Known(name) {
			t.Errorf("%q is known", name)
		}
	}
}

func TestOnlyWhatCannotBeOfferedIsRefused(t *testing.T) {
	var refused []string
	for _, name := range tlspolicy.Names() {
		if _, ok := tlspolicy.Lookup(name); !ok {
			refused = append(refused, name)
		}
	}
	// TLS 1.3 with 256 bits alone: crypto/tls would offer 128 bits as well.
	if want := []string{prefix + "TLS13-1-3-RFC9151-FIPS-2023-07"}; !slices.Equal(refused, want) {
		t.Errorf("refused are %q, want %q", refused, want)
	}
}

// The suites of the table in AWS's documentation, in OpenSSL's spelling.
const (
	suites13  = "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 "
	suitesRes = "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 "
	suites12  = suitesRes + "ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 "
	suitesRSA = "AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256 "
	suitesSHA = "ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-ECDSA-AES256-SHA ECDHE-RSA-AES256-SHA "
	suitesOld = "AES128-SHA AES256-SHA "
)

// TestSuitesAreThoseOfAWS holds some policies to what AWS publishes: everything in it is
// either offered or reported as missing, and nothing else is offered.
func TestSuitesAreThoseOfAWS(t *testing.T) {
	for name, want := range map[string]string{
		"TLS13-1-3-2021-06":              suites13,
		"TLS13-1-2-Res-2021-06":          suites13 + suitesRes,
		"TLS13-1-2-Res-PQ-2025-09":       suites13 + suitesRes,
		"TLS13-1-2-2021-06":              suites13 + suites12,
		"TLS13-1-2-Ext1-2021-06":         suites13 + suites12 + suitesRSA,
		"TLS13-1-2-Ext2-2021-06":         suites13 + suites12 + suitesRSA + suitesSHA + suitesOld,
		"TLS13-1-0-2021-06":              suites13 + suites12 + suitesRSA + suitesSHA + suitesOld,
		"TLS-1-2-2017-01":                suites12 + suitesRSA,
		"TLS-1-2-Ext-2018-06":            suites12 + suitesRSA + suitesSHA + suitesOld,
		"FS-1-2-Res-2020-10":             suitesRes,
		"FS-1-2-Res-2019-08":             suites12,
		"FS-2018-06":                     suites12 + suitesSHA,
		"2016-08":                        suites12 + suitesRSA + suitesSHA + suitesOld,
		"TLS-1-0-2015-04":                suites12 + suitesRSA + suitesSHA + suitesOld + "DES-CBC3-SHA",
		"TLS13-1-2-FIPS-2023-04":         strings.ReplaceAll(suites13, "TLS_CHACHA20_POLY1305_SHA256", "") + suites12,
		"TLS13-1-2-RFC9151-FIPS-2023-07": "TLS_AES_256_GCM_SHA384 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384",
	} {
		p, ok := tlspolicy.Lookup(prefix + name)
		if !ok {
			t.Errorf("%s is refused", name)
			continue
		}
		got := slices.Clone(p.Missing)
		for _, id := range p.CipherSuites {
			got = append(got, tlspolicy.SuiteName(id))
		}
		if p.MaxVersion == tls.VersionTLS13 {
			for suite := range strings.FieldsSeq(suites13) {
				if !slices.Contains(p.Extra, suite) {
					got = append(got, suite)
				}
			}
		}
		slices.Sort(got)
		if w := slices.Sorted(slices.Values(strings.Fields(want))); !slices.Equal(got, w) {
			t.Errorf("%s has\n%q, want\n%q", name, got, w)
		}
	}
}

// oldest is the oldest version that a name promises at least.
func oldest(name string) uint16 {
	for part, version := range map[string]uint16{
		"TLS13-1-3-": tls.VersionTLS13, "TLS13-1-2-": tls.VersionTLS12, "TLS13-1-1-": tls.VersionTLS11,
		"TLS-1-2-": tls.VersionTLS12, "TLS-1-1-": tls.VersionTLS11, "FS-1-2-": tls.VersionTLS12, "FS-1-1-": tls.VersionTLS11,
	} {
		if strings.HasPrefix(name, prefix+part) {
			return version
		}
	}
	return tls.VersionTLS10
}

// TestPoliciesAreNotWeakerThanTheirNames reads the promises out of the names.
func TestPoliciesAreNotWeakerThanTheirNames(t *testing.T) {
	for _, p := range usable() {
		says := func(part string) bool { return strings.Contains(p.Name, part) }
		if p.MinVersion != oldest(p.Name) || p.MaxVersion < p.MinVersion {
			t.Errorf("%s allows %x to %x, want %x at least", p.Name, p.MinVersion, p.MaxVersion, oldest(p.Name))
		}
		if !says("TLS13") && p.MaxVersion != tls.VersionTLS12 {
			t.Errorf("%s allows up to %x", p.Name, p.MaxVersion)
		}
		if (p.MinVersion < tls.VersionTLS13) == (len(p.CipherSuites) == 0) {
			t.Errorf("%s from %x has the suites %x", p.Name, p.MinVersion, p.CipherSuites)
		}
		for _, id := range p.CipherSuites {
			suite := tlspolicy.SuiteName(id)
			forward, aead := strings.HasPrefix(suite, "ECDHE-"), strings.Contains(suite, "-GCM-")
			sha1 := strings.HasSuffix(suite, "-SHA")
			old := !says("-1-2-") || says("Ext2") || says("TLS-1-2-Ext-") || says("INTEROP4")
			interop := says("INTEROP")
			switch {
			case strings.HasPrefix(suite, "0x"), strings.Contains(suite, "RC4"), strings.Contains(suite, "DES"):
				t.Errorf("%s offers %s", p.Name, suite)
			case says("-FS-") && !forward:
				t.Errorf("%s offers %s, without forward secrecy", p.Name, suite)
			case (says("TLS13-1-2-Res") || says("FS-1-2-Res-2020-10") || says("INTEROP1")) && !(forward && aead):
				t.Errorf("%s offers %s, which is not restricted", p.Name, suite)
			case says("RFC9151") && !interop && !strings.Contains(suite, "AES256-GCM"):
				t.Errorf("%s offers %s, less than 256 bits", p.Name, suite)
			case sha1 && !old && !says("Ext0") && !says("INTEROP3") && !says("FS-1-2-2019-08"):
				t.Errorf("%s offers %s, of SHA-1", p.Name, suite)
			case !forward && !old && !says("Ext1") && !says("TLS-1-2-2017-01") && !says("Ext0-RFC9151"):
				t.Errorf("%s offers %s, without forward secrecy", p.Name, suite)
			}
		}
		for _, curve := range p.Curves {
			hybrid := curve == tls.X25519MLKEM768 || curve == tls.SecP256r1MLKEM768 || curve == tls.SecP384r1MLKEM1024
			switch {
			case hybrid && !says("-PQ-"):
				t.Errorf("%s offers %v", p.Name, curve)
			case curve == tls.X25519 && (says("FIPS") || !says("TLS13")):
				t.Errorf("%s offers %v", p.Name, curve)
			case says("RFC9151") && !says("INTEROP") && curve != tls.CurveP384:
				t.Errorf("%s offers %v", p.Name, curve)
			}
		}
		if says("-PQ-") && !slices.Contains(p.Curves, tls.X25519MLKEM768) {
			t.Errorf("%s has no post-quantum group: %v", p.Name, p.Curves)
		}
	}
}

// TestExtraIsWhatCryptoTLSAdds wants every TLS 1.3 suite beyond the policy reported, and
// none of fewer bits.
func TestExtraIsWhatCryptoTLSAdds(t *testing.T) {
	for _, p := range usable() {
		var want []string
		if p.MaxVersion == tls.VersionTLS13 && strings.Contains(p.Name, "FIPS") {
			want = []string{"TLS_CHACHA20_POLY1305_SHA256"}
		}
		if !slices.Equal(p.Extra, want) {
			t.Errorf("%s has %q extra, want %q", p.Name, p.Extra, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		prefix + "TLS13-1-3-RFC9151-FIPS-2023-07": prefix + "TLS13-1-2-RFC9151-FIPS-2023-07",
		// Misspelt.
		prefix + "TLS13-1-2-Res-PQ-2025-9":    prefix + "TLS13-1-2-Res-PQ-2025-09",
		"elbsecuritypolicy-tls13-1-2-2021-06": prefix + "TLS13-1-2-2021-06",
		"TLS13-1-3-2021-06":                   prefix + "TLS13-1-3-2021-06",
		// Like nothing.
		"":       spec.DefaultSSLPolicy,
		"modern": spec.DefaultSSLPolicy,
	} {
		if got := tlspolicy.Nearest(name); got != want {
			t.Errorf("the nearest to %q is %s, want %s", name, got, want)
		}
	}
}

// TestNearestCanBeUsed asks for every policy that is refused, and for what has no sense.
func TestNearestCanBeUsed(t *testing.T) {
	for _, name := range append(tlspolicy.Names(), "", "-", prefix, "TLS13", "1-0", strings.Repeat("2016-", 1000)) {
		nearest, ok := tlspolicy.Lookup(tlspolicy.Nearest(name))
		if !ok {
			t.Errorf("the nearest to %q is %q, which is refused", name, tlspolicy.Nearest(name))
		}
		if _, fine := tlspolicy.Lookup(name); !fine && tlspolicy.Known(name) {
			for _, id := range nearest.CipherSuites {
				if !strings.Contains(tlspolicy.SuiteName(id), "AES256") {
					t.Errorf("%s is nearest to %s and offers %s", nearest.Name, name, tlspolicy.SuiteName(id))
				}
			}
		}
	}
}

func TestNamesInLogs(t *testing.T) {
	for id, want := range map[uint16]string{
		tls.TLS_AES_128_GCM_SHA256:                "TLS_AES_128_GCM_SHA256",
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:  "ECDHE-ECDSA-AES256-SHA",
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384:       "AES256-GCM-SHA384",
		tls.TLS_RSA_WITH_RC4_128_SHA:              "0x0005",
	} {
		if got := tlspolicy.SuiteName(id); got != want {
			t.Errorf("%#04x is called %s, want %s", id, got, want)
		}
	}
	for version, want := range map[uint16]string{
		tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3", 0x0300: "-",
	} {
		if got := tlspolicy.VersionName(version); got != want {
			t.Errorf("%#04x is called %s, want %s", version, got, want)
		}
	}
}
