package command_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/evenkeel/evenkeel/proxy/internal/command"
)

// typing runs hash-password with what is on its standard input.
func typing(t *testing.T, text string, args ...string) (status int, out, complaint string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(stdin *os.File) { os.Stdin = stdin; _ = r.Close() }(os.Stdin)
	os.Stdin = r
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	var stdout, stderr strings.Builder
	status = command.Main(append([]string{"hash-password"}, args...), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestHashPassword(t *testing.T) {
	for _, text := range []string{"correct horse", "correct horse\n", "correct horse\r\n"} {
		status, out, complaint := typing(t, text, "--cost=10")
		hash, line := strings.CutSuffix(out, "\n")
		if cost, _ := bcrypt.Cost([]byte(hash)); status != 0 || !line || cost != 10 {
			t.Fatalf("%q: %d %q %s", text, status, out, complaint)
		}
		if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte("correct horse")); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if status, out, _ := typing(t, "x"); status != 0 || !strings.HasPrefix(out, "$2a$12$") {
		t.Errorf("without a cost: %d %s", status, out)
	}
}

func TestHashPasswordRefuses(t *testing.T) {
	for _, c := range []struct {
		text   string
		args   []string
		status int
		says   string
	}{
		{"", nil, 2, "the password is empty"},
		{"\n", nil, 2, "the password is empty"},
		{"one\ntwo\n", nil, 1, "a password is one line"},
		{strings.Repeat("x", 73), nil, 2, "longer than 72 bytes"},
		{strings.Repeat("x", 10000), nil, 2, "longer than 72 bytes"},
		{"x", []string{"--cost=9"}, 2, "cost is 10 to 15 (got 9)"},
		{"x", []string{"--cost=16"}, 2, "cost is 10 to 15 (got 16)"},
		{"x", []string{"secret"}, 2, "unexpected argument"},
	} {
		if status, out, complaint := typing(t, c.text, c.args...); status != c.status || out != "" || !strings.Contains(complaint, c.says) {
			t.Errorf("%.10q %q: %d %s%s", c.text, c.args, status, out, complaint)
		}
	}
}
