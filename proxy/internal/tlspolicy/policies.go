package tlspolicy

import "crypto/tls"

// named is one policy as AWS publishes it: "Protocols by policy" and "Ciphers by policy"
// of https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html.
// That page names no groups; those are of the policies of the same names in
// https://github.com/aws/s2n-tls (tests/policy_snapshot), AWS's own TLS library.
type named struct {
	name     string
	min, max uint16
	suites   [][]string
	groups   [][]tls.CurveID
}

// The building blocks of the policies, in OpenSSL's spelling. The order is that of the AWS
// page; Go has its own order of preference and always applies the server's.
var (
	tls13     = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
	tls13FIPS = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"}
	tls13CNSA = []string{"TLS_AES_256_GCM_SHA384"}

	gcm128 = []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}
	gcm256 = []string{"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}
	cbc    = []string{
		"ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256",
		"ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384",
	}
	cbcSHA1 = []string{
		"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA",
		"ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA",
	}
	rsa       = []string{"AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256"}
	rsaSHA1   = []string{"AES128-SHA", "AES256-SHA"}
	rsaCNSA   = []string{"AES256-GCM-SHA384"}
	tripleDES = []string{"DES-CBC3-SHA"}

	nistOld = []tls.CurveID{tls.CurveP256, tls.CurveP384}
	nist    = []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521}
	x25519  = []tls.CurveID{tls.X25519}
	p384    = []tls.CurveID{tls.CurveP384}
	hybrid  = []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024}
)

type (
	suites = [][]string
	groups = [][]tls.CurveID
)

const (
	v10 = tls.VersionTLS10
	v11 = tls.VersionTLS11
	v12 = tls.VersionTLS12
	v13 = tls.VersionTLS13
)

// policies is every policy name that AWS documents for Application Load Balancers, the two
// that only old listeners still carry (2015-05, TLS-1-0-2015-04) included.
var policies = []named{
	// TLS 1.3.
	{"ELBSecurityPolicy-TLS13-1-3-2021-06", v13, v13, suites{tls13}, groups{x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", v12, v13, suites{tls13, gcm128, gcm256}, groups{x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-2021-06", v12, v13, suites{tls13, gcm128, gcm256, cbc}, groups{x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", v12, v13, suites{tls13, gcm128, gcm256, cbc, rsa}, groups{x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", v12, v13, suites{tls13, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-1-2021-06", v11, v13, suites{tls13, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-0-2021-06", v10, v13, suites{tls13, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{x25519, nist}},

	// TLS 1.3 with post-quantum hybrid key exchange.
	{"ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", v13, v13, suites{tls13}, groups{hybrid, x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", v12, v13, suites{tls13, gcm128, gcm256}, groups{hybrid, x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", v12, v13, suites{tls13, gcm128, gcm256, cbc}, groups{hybrid, x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09", v12, v13, suites{tls13, gcm128, gcm256, cbc, rsa}, groups{hybrid, x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09", v12, v13, suites{tls13, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{hybrid, x25519, nist}},
	{"ELBSecurityPolicy-TLS13-1-0-PQ-2025-09", v10, v13, suites{tls13, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{hybrid, x25519, nist}},

	// FIPS: no ChaCha20, no X25519 alone.
	{"ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", v13, v13, suites{tls13FIPS}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", v12, v13, suites{tls13FIPS, gcm128, gcm256}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc, cbcSHA1}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc, rsa}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04", v11, v13, suites{tls13FIPS, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04", v10, v13, suites{tls13FIPS, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nist}},

	// FIPS with post-quantum hybrid key exchange.
	{"ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09", v13, v13, suites{tls13FIPS}, groups{hybrid, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09", v12, v13, suites{tls13FIPS, gcm128, gcm256}, groups{hybrid, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-FIPS-PQ-2025-09", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc}, groups{hybrid, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-PQ-2025-09", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc, cbcSHA1}, groups{hybrid, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-PQ-2025-09", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc, rsa}, groups{hybrid, nist}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-PQ-2025-09", v12, v13, suites{tls13FIPS, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{hybrid, nist}},
	{"ELBSecurityPolicy-TLS13-1-0-FIPS-PQ-2025-09", v10, v13, suites{tls13FIPS, gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{hybrid, nist}},

	// RFC 9151 (CNSA 1.0): strict, then with what eases the way there.
	{"ELBSecurityPolicy-TLS13-1-3-RFC9151-FIPS-2023-07", v13, v13, suites{tls13CNSA}, groups{p384}},
	{"ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07", v12, v13, suites{tls13CNSA, gcm256}, groups{p384}},
	{"ELBSecurityPolicy-TLS13-1-2-Ext0-RFC9151-FIPS-2023-07", v12, v13, suites{tls13CNSA, gcm256, rsaCNSA}, groups{p384}},
	{"ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07", v12, v13, suites{tls13FIPS, gcm256, gcm128}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07", v12, v13, suites{tls13FIPS, gcm256, gcm128, cbc}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07", v12, v13, suites{tls13FIPS, gcm256, gcm128, cbc, cbcSHA1}, groups{nist}},
	{"ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07", v12, v13, suites{tls13FIPS, gcm256, gcm128, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nist}},

	// Forward secrecy, TLS 1.2 at most.
	{"ELBSecurityPolicy-FS-1-2-Res-2020-10", v12, v12, suites{gcm128, gcm256}, groups{nistOld}},
	{"ELBSecurityPolicy-FS-1-2-Res-2019-08", v12, v12, suites{gcm128, gcm256, cbc}, groups{nistOld}},
	{"ELBSecurityPolicy-FS-1-2-2019-08", v12, v12, suites{gcm128, gcm256, cbc, cbcSHA1}, groups{nistOld}},
	{"ELBSecurityPolicy-FS-1-1-2019-08", v11, v12, suites{gcm128, gcm256, cbc, cbcSHA1}, groups{nistOld}},
	{"ELBSecurityPolicy-FS-2018-06", v10, v12, suites{gcm128, gcm256, cbc, cbcSHA1}, groups{nistOld}},

	// TLS 1.2 at most.
	{"ELBSecurityPolicy-TLS-1-2-2017-01", v12, v12, suites{gcm128, gcm256, cbc, rsa}, groups{nistOld}},
	{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", v12, v12, suites{gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nistOld}},
	{"ELBSecurityPolicy-TLS-1-1-2017-01", v11, v12, suites{gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nistOld}},
	{"ELBSecurityPolicy-2016-08", v10, v12, suites{gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nistOld}},
	{"ELBSecurityPolicy-2015-05", v10, v12, suites{gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1}, groups{nistOld}},
	{"ELBSecurityPolicy-TLS-1-0-2015-04", v10, v12, suites{gcm128, gcm256, cbc, cbcSHA1, rsa, rsaSHA1, tripleDES}, groups{nistOld}},
}
