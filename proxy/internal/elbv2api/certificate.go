package elbv2api

import (
	"slices"

	"github.com/evenkeel/evenkeel/spec"
)

type listenerCertificatesInput struct {
	ListenerArn  string        `aws:"required"`
	Certificates []certificate `aws:"required"`
}

type certificatesOutput struct {
	Certificates members[certificate]
	NextMarker   string `xml:",omitempty"`
}

// checkListenerCertificates refuses what no list of certificates may have.
func checkListenerCertificates(list []certificate) error {
	if len(list) == 0 {
		return fail(codeValidationError, "A certificate must be specified")
	}
	for _, c := range list {
		if c.IsDefault != nil {
			return fail(codeValidationError, "The default certificate of a listener is set by ModifyListener")
		}
	}
	return nil
}

func addListenerCertificates(c *call, in *listenerCertificatesInput) (any, error) {
	if err := checkListenerCertificates(in.Certificates); err != nil {
		return nil, err
	}
	v, err := c.change(func(c *change) error {
		made, err := c.ownListener(in.ListenerArn)
		if err != nil {
			return err
		}
		if made.Listener.Protocol != spec.ProtocolHTTPS {
			return fail(codeUnsupportedProtocol, "Certificates are for HTTPS listeners")
		}
		names, err := c.certificateNames(in.Certificates)
		if err != nil {
			return err
		}
		all := slices.Clone(made.Listener.Certificates)
		for _, name := range names {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
		if len(all) > spec.MaxCertificates+1 {
			return fail(codeTooManyCertificates, "The maximum number of certificates has been reached: %d", spec.MaxCertificates)
		}
		made.Listener.Certificates = all
		made.CertificateARNs = c.certificateARNs(made.CertificateARNs, in.Certificates)
		return nil
	})
	if err != nil {
		return nil, err
	}
	l, refusal := v.listener(in.ListenerArn)
	if refusal != nil {
		return nil, refusal
	}
	out := certificatesOutput{}
	for _, asked := range in.Certificates {
		name, refusal := v.certificateName(asked.CertificateArn)
		if refusal != nil {
			return nil, refusal
		}
		out.Certificates = append(out.Certificates, certificate{v.certificateARN(l.Name, name), new(false)})
	}
	return out, nil
}

func removeListenerCertificates(c *call, in *listenerCertificatesInput) (any, error) {
	if err := checkListenerCertificates(in.Certificates); err != nil {
		return nil, err
	}
	_, err := c.change(func(c *change) error {
		made, err := c.ownListener(in.ListenerArn)
		if err != nil {
			return err
		}
		for _, asked := range in.Certificates {
			name, refusal := c.certificateName(asked.CertificateArn)
			if refusal != nil {
				continue // what is not there need not be removed
			}
			at := slices.Index(made.Listener.Certificates, name)
			if at == 0 {
				return fail(codeOperationNotPermitted, "The default certificate '%s' of a listener cannot be removed", excerpt(asked.CertificateArn))
			}
			if at > 0 {
				made.Listener.Certificates = slices.Delete(slices.Clone(made.Listener.Certificates), at, at+1)
			}
		}
		return nil
	})
	return nil, err
}

type describeListenerCertificatesInput struct {
	ListenerArn string `aws:"required"`
	Marker      string
	PageSize    *int
}

func describeListenerCertificates(c *call, in *describeListenerCertificatesInput) (any, error) {
	v := c.view()
	l, refusal := v.listener(in.ListenerArn)
	if refusal != nil {
		return nil, refusal
	}
	var list []certificate
	for i, name := range l.Certificates {
		list = append(list, certificate{v.certificateARN(l.Name, name), new(i == 0)})
	}
	shown, next, refusal := paged(page{in.Marker, in.PageSize}, list, func(c *certificate) string {
		if *c.IsDefault {
			return "0" // it comes first
		}
		return "1" + c.CertificateArn
	})
	if refusal != nil {
		return nil, refusal
	}
	return certificatesOutput{shown, next}, nil
}
