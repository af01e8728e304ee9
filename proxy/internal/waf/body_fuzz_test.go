package waf_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/evenkeel/evenkeel/proxy/internal/waf"
)

// FuzzBody: whatever is sent can be judged in time, and goes on as it came.
func FuzzBody(f *testing.F) {
	contentType, body := multipartOf(part("a", "b"), file("f", "../x.png", "\x89PNG"))
	f.Add(contentType, "a=b; c=d", []byte(body), true)
	f.Add(form, "", []byte("a=b&c=%zz&=&&d"), true)
	f.Add(json, "; ;", []byte(`{"a": [1, {"b": null}], "a": "\u0000"}`), false)
	f.Add("application/xml", "=", []byte(`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a b="c">&b;</a>`), false)
	f.Add("multipart/form-data; boundary=", "", []byte("--\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, contentType, cookie string, body []byte, known bool) {
		x := post("/", contentType, string(body), "Cookie", cookie)
		if !known {
			chunked(x)
		}
		firewall := shared(t)
		if v := firewall.Judge(x); v.Outcome != waf.Allowed && v.Outcome != waf.Blocked {
			t.Fatalf("%+v", v)
		}
		defer firewall.Release(x)
		var got []byte
		p := make([]byte, 4096)
		for {
			n, err := x.Client.ReadBody(p)
			got = append(got, p[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, body) {
			t.Errorf("%q went on as %q", body, got)
		}
	})
}
