package spec

// Certificate is a TLS certificate: from ACM on AWS, from files in the container.
type Certificate struct {
	ACM   ACMCertificate   `yaml:"acm"`
	Files CertificateFiles `yaml:"files"`
}

// ACMCertificate points at or asks for an ACM certificate.
type ACMCertificate struct {
	Domain string `yaml:"domain"`
	ARN    string `yaml:"arn"`
}

// CertificateFiles are PEM files; relative paths start at the environment file's folder.
type CertificateFiles struct {
	Certificate string `yaml:"certificate"`
	PrivateKey  string `yaml:"private_key"`
}
