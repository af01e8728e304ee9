package http2

import (
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/evenkeel/evenkeel/proxy/internal/exchange"
)

// TestAppendFields has another's decoder read what is written, however long.
func TestAppendFields(t *testing.T) {
	var fields []exchange.Field
	want := []string{":status: 418"}
	for _, n := range []int{0, 1, 126, 127, 128, 254, 255, 256, 16<<10 + 1} {
		for _, name := range []string{"Content-Type", "Set-Cookie", "ETag", "X-Own", "X-" + strings.Repeat("N", n)} {
			f := exchange.Field{Name: []byte(name), Value: []byte(strings.Repeat("v", n))}
			f.ID = exchange.Identify(f.Name)
			fields = append(fields, f)
			want = append(want, strings.ToLower(name)+": "+string(f.Value))
		}
	}
	fields = append(fields, exchange.Field{Name: []byte("Connection"), Value: []byte("close"), ID: exchange.FieldConnection})
	block, size := appendFields(appendStatus(nil, 418), fields)
	var got []string
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) {
		got = append(got, f.Name+": "+f.Value)
		if f.Sensitive != (f.Name == "set-cookie") {
			t.Errorf("%s: sensitive %v", f.Name, f.Sensitive)
		}
	})
	if _, err := d.Write(block); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %.300q", got)
	}
	sum := 0
	for _, line := range want[1:] {
		sum += len(line) - len(": ")
	}
	if size != sum {
		t.Errorf("size %d, want %d", size, sum)
	}
}

func TestAppendStatus(t *testing.T) {
	for status := 100; status < 1000; status++ {
		fields, err := hpack.NewDecoder(0, nil).DecodeFull(appendStatus(nil, status))
		if err != nil || len(fields) != 1 || fields[0].Name != ":status" || fields[0].Value != string(rune('0'+status/100))+string(rune('0'+status/10%10))+string(rune('0'+status%10)) {
			t.Fatalf("status %d is read as %v, %v", status, fields, err)
		}
	}
	if n := len(appendStatus(nil, 200)); n != 1 {
		t.Errorf("the usual status takes %d bytes", n)
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	fields := []exchange.Field{
		{Name: []byte("Content-Type"), Value: []byte("text/html"), ID: exchange.FieldContentType},
		{Name: []byte("ETag"), Value: []byte(`"1"`)},
		{Name: []byte("X-Own"), Value: []byte("1")},
	}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { appendFields(appendStatus(b, 200), fields) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
