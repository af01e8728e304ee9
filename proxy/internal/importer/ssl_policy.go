package importer

import (
	"slices"
	"strings"
)

// SSLPolicy is the name of the security policy that is nearest to protocols, as OpenSSL
// calls them, and a list of ciphers: the newest of AWS that allows no older protocol.
// Without ciphers of CBC and of plain RSA the restricted one.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
func SSLPolicy(protocols []string, ciphers string) string {
	has := func(p string) bool { return slices.Contains(protocols, p) }
	switch {
	case has("TLSv1"), has("SSLv3"), has("TLSv1.0"), has("SSLv2"):
		return "ELBSecurityPolicy-TLS13-1-0-PQ-2025-09"
	case has("TLSv1.1"):
		return "ELBSecurityPolicy-TLS13-1-1-2021-06"
	case !has("TLSv1.2"):
		return "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09"
	case ciphers == "" || onlyAEAD(ciphers):
		return "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
	}
	return "ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09"
}

// onlyAEAD tells whether a list has nothing but ciphers with forward secrecy and GCM,
// ChaCha20 or their like.
func onlyAEAD(ciphers string) bool {
	for c := range strings.FieldsFuncSeq(ciphers, func(r rune) bool { return r == ':' || r == ' ' || r == ',' }) {
		if strings.HasPrefix(c, "!") || strings.HasPrefix(c, "-") || strings.HasPrefix(c, "@") {
			continue
		}
		if !strings.Contains(c, "GCM") && !strings.Contains(c, "CHACHA20") && !strings.Contains(c, "AESGCM") && !strings.HasPrefix(c, "TLS_") {
			return false
		}
	}
	return true
}
