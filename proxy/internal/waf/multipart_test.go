package waf_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/waf"
)

// TestMultipartThatApplicationsReadOtherwise: what a strict reader of multipart bodies does
// not see, an application may. Bodies are inspected in all these forms, whole and with more of
// them than is inspected.
func TestMultipartThatApplicationsReadOtherwise(t *testing.T) {
	const (
		attack = "1' UNION SELECT password FROM auth_user -- "
		plain  = "multipart/form-data; boundary=xyz"
	)
	hidden := "--xyz\r\n" + "Content-Disposition: form-data; " + part("q", attack) + "\r\n"
	harmless := "--xyz\r\nContent-Disposition: form-data; " + part("a", "b") + "\r\n"
	long := "--xyz\r\nContent-Disposition: form-data; " + part("pad", strings.Repeat("x", 20000)) + "\r\n"
	for name, c := range map[string]struct{ contentType, before string }{
		"two boundaries":         {plain + "; boundary=abc", hidden},
		"another boundary":       {"multipart/form-data; boundary=abc", hidden},
		"no boundary":            {"multipart/form-data", hidden},
		"malformed head":         {plain, "--xyz\r\nno field\r\n" + strings.TrimPrefix(hidden, "--xyz\r\n")},
		"before the first":       {plain, strings.TrimPrefix(hidden, "--xyz\r\n") + harmless},
		"after the last":         {plain, harmless + "--xyz--\r\n" + strings.TrimPrefix(hidden, "--xyz\r\n")},
		"encoded in base64":      {plain, "--xyz\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; " + part("q", "!"+base64.StdEncoding.EncodeToString([]byte(attack))) + "\r\n"},
		"encoded with = and hex": {plain, "--xyz\r\nContent-Transfer-Encoding: Quoted-Printable\r\nContent-Disposition: form-data; " + part("q", "1=27 =55NION =53ELECT password =46ROM auth_user -- ") + "\r\n"},
	} {
		for end, after := range map[string]string{"whole": "--xyz--\r\n", "cut": long + "--xyz--\r\n"} {
			t.Run(name+" "+end, func(t *testing.T) {
				f, x := shared(t), post("/upload/", c.contentType, c.before+after)
				if v := f.Judge(x); v.Outcome != waf.Blocked {
					t.Errorf("got %+v, want a block", v)
				}
				f.Release(x)
			})
		}
	}
}
