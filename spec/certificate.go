package spec

import (
	"regexp"
	"strings"
)

// Certificate is a TLS certificate: from ACM on AWS, from files in the container.
type Certificate struct {
	// ACM is the certificate on AWS.
	ACM ACMCertificate `yaml:"acm"`
	// Files are the certificate in the container.
	Files CertificateFiles `yaml:"files"`
}

func (t *Certificate) check(c *checker, path string) {
	if t.ACM.absent() && t.Files.absent() {
		c.refuse(path, "is no certificate", "", "acm, files or both")
	}
}

// ACMCertificate points at or asks for an ACM certificate.
type ACMCertificate struct {
	// Domain is the host name to ask ACM a certificate for; it may begin with `*.`.
	Domain string `yaml:"domain"`
	// ARN is that of a certificate that exists.
	ARN string `yaml:"arn"`
}

var (
	certificateDomainShape = regexp.MustCompile(`^(\*\.)?` + strings.Trim(hostShape.String(), "^"))
	certificateARNShape    = regexp.MustCompile(`^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}$`)
)

func (a *ACMCertificate) absent() bool { return *a == ACMCertificate{} }

func (a *ACMCertificate) limits() limits {
	return limits{
		"domain": like(certificateDomainShape, "a host name such as www.example.com or *.example.com"),
		"arn":    like(certificateARNShape, "the ARN of an ACM certificate"),
	}
}

func (a *ACMCertificate) check(c *checker, path string) {
	if a.Domain != "" && a.ARN != "" {
		c.refuse(field(path, "arn"), "stands beside domain", quote(a.ARN), "domain, to make a certificate, or arn, to use one")
	}
}

// CertificateFiles are PEM files; relative paths start at the environment file's folder.
type CertificateFiles struct {
	// Certificate holds the certificate and, after it, the chain.
	Certificate string `yaml:"certificate"`
	// PrivateKey holds the private key: RSA or ECDSA.
	PrivateKey string `yaml:"private_key"`
}

func (f *CertificateFiles) absent() bool { return *f == CertificateFiles{} }

func (f *CertificateFiles) limits() limits {
	return limits{"certificate": required(anything()), "private_key": required(anything())}
}
