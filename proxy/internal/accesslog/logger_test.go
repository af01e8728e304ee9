package accesslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/spec"
)

// sink takes lines, unless it is stuck or broken.
type sink struct {
	mu     sync.Mutex
	lines  bytes.Buffer
	writes int
	stuck  chan struct{} // a Write waits for it when it is not nil
	err    error
	closed bool
}

func (s *sink) Write(p []byte) (int, error) {
	if s.stuck != nil {
		<-s.stuck
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.err != nil {
		return 0, s.err
	}
	return s.lines.Write(p)
}

func (s *sink) Close() error {
	s.closed = true
	return nil
}

func (s *sink) count() (lines, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Count(s.lines.Bytes(), []byte("\n")), s.writes
}

func TestLinesAreWrittenWithinTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := accesslog.NewOn(out, config, slog.New(slog.DiscardHandler))
		l.Log(served())
		l.Log(served())
		synctest.Wait()
		if n, _ := out.count(); n != 0 {
			t.Errorf("%d lines were written at once; the caller is to do no I/O", n)
		}
		time.Sleep(accesslog.FlushInterval)
		synctest.Wait()
		if n, writes := out.count(); n != 2 || writes != 1 {
			t.Errorf("%d lines in %d writes after the interval, want 2 in 1", n, writes)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFullBufferIsWrittenAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := accesslog.NewOn(out, config, slog.New(slog.DiscardHandler))
		n := accesslog.FlushSize/len(accesslog.Line(config, served())) + 1
		for range n {
			l.Log(served())
		}
		synctest.Wait() // no time has passed
		if got, _ := out.count(); got != n {
			t.Errorf("%d lines were written, want %d", got, n)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseWritesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		l := accesslog.NewOn(out, config, slog.New(slog.DiscardHandler))
		for shard := range uint32(64) {
			x := served()
			x.Conn.Shard = shard
			l.Log(x)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if n, _ := out.count(); n != 64 || !out.closed {
			t.Errorf("%d lines were written and closed is %t, want 64 and true", n, out.closed)
		}
		l.Log(served())
		if n := l.Dropped(); n != 1 {
			t.Errorf("%d lines were dropped after Close, want 1", n)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

// TestStuckWriter has a reader of the log that takes nothing. Nobody waits for it, memory
// stays bounded, and what is lost is counted.
func TestStuckWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{stuck: make(chan struct{})}
		l := accesslog.NewOn(out, config, slog.New(slog.DiscardHandler))
		x := served()
		line := len(accesslog.Line(config, x))
		total := 4 * accesslog.MaxPending / line
		for range total {
			l.Log(x) // would never return here if it waited
		}
		time.Sleep(accesslog.FlushInterval)
		synctest.Wait()
		dropped := l.Dropped()
		// At most one full buffer is being written while another fills.
		if kept := (uint64(total) - dropped) * uint64(line); kept > 2*accesslog.MaxPending+uint64(2*line) {
			t.Errorf("%d bytes are kept for a stuck writer", kept)
		}
		if dropped == 0 {
			t.Error("no dropped line was counted")
		}
		begin := time.Now()
		if err := l.Close(); err == nil {
			t.Error("Close says nothing of the lines that were lost")
		}
		if waited := time.Since(begin); waited != accesslog.CloseTimeout {
			t.Errorf("Close waited %s, want %s", waited, accesslog.CloseTimeout)
		}
		close(out.stuck)
		synctest.Wait()
		if n, _ := out.count(); uint64(n)+dropped != uint64(total) {
			t.Errorf("%d lines written and %d dropped of %d", n, dropped, total)
		}
	})
}

func TestWriteErrorsAreCountedAndSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		out := &sink{err: errors.New("no space left on device")}
		l := accesslog.NewOn(out, config, slog.New(slog.NewTextHandler(&said, nil)))
		for range 30 {
			l.Log(served())
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := l.Dropped(); n != 30 {
			t.Errorf("%d lines were dropped, want 30", n)
		}
		if n := strings.Count(said.String(), "\n"); n != 1 {
			t.Errorf("said %d times in half a minute, want once:\n%s", n, said.String())
		}
		time.Sleep(time.Minute)
		l.Log(served())
		time.Sleep(time.Second)
		synctest.Wait()
		if n := strings.Count(said.String(), "no space left on device"); n != 2 {
			t.Errorf("said %d times after a minute, want twice", n)
		}
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v, want nil: there was nothing left to write", err)
		}
	})
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l := open(t, path)
	const workers, each = 8, 500
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			x := served()
			x.Conn.Shard = uint32(w)
			for i := range each {
				x.Request.Target = fmt.Appendf(nil, "/%d/%d", w, i)
				l.Log(x)
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines := read(t, path)
	if len(lines)+int(l.Dropped()) != workers*each || l.Dropped() != 0 {
		t.Errorf("%d lines and %d dropped, want %d and none", len(lines), l.Dropped(), workers*each)
	}
	for _, line := range lines {
		if n := len(splitALB(line)); n != 34 {
			t.Fatalf("a line has %d fields: %s", n, line)
		}
	}
}

func TestReopenAfterRotation(t *testing.T) {
	dir := t.TempDir()
	path, moved := filepath.Join(dir, "access.log"), filepath.Join(dir, "access.log.1")
	l := open(t, path)
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil { // twice before a line is written
		t.Fatal(err)
	}
	l.Log(served())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); len(got) != 1 {
		t.Errorf("the new file has %d lines, want 1", len(got))
	}
	if got := read(t, moved); len(got) != 0 {
		t.Errorf("the moved file has %d lines, want 0", len(got))
	}
}

func TestReopenKeepsTheFileThatIsThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l := open(t, filepath.Join(dir, "access.log"))
	moved := dir + ".moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("Reopen says nothing of a directory that is gone")
	}
	l.Log(served())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(moved, "access.log")); len(got) != 1 {
		t.Errorf("the old file has %d lines, want 1", len(got))
	}
}

func TestFilesAreAppendedToAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	for range 2 {
		l := open(t, path)
		l.Log(served())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, path); len(got) != 2 {
		t.Errorf("the file has %d lines, want 2", len(got))
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if others := info.Mode().Perm() & 0o137; others != 0 {
		t.Errorf("mode is %o, want at most 0640", info.Mode().Perm())
	}
}

func TestPipeWithoutReaderIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := accesslog.New(accesslog.Config{Access: spec.LogFile{Path: path}}); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("error is %v, want %v", err, syscall.ENXIO)
	}
}

func TestNewRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no", "such.log")
	for name, c := range map[string]accesslog.Config{
		"format":           {Access: spec.LogFile{Path: "/dev/stdout", Format: "xml"}},
		"access log":       {Access: spec.LogFile{Path: missing}},
		"connection log":   {Connections: spec.LogFile{Path: missing}},
		"health-check log": {HealthChecks: spec.LogFile{Path: missing}},
	} {
		if _, err := accesslog.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLogsThatAreOff(t *testing.T) {
	l, err := accesslog.New(accesslog.Config{Access: spec.LogFile{Path: spec.LogOff}})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*accesslog.Logger{l, nil} {
		l.Log(served())
		l.Connection(&accesslog.ConnectionRecord{})
		l.HealthCheck(&accesslog.HealthCheckRecord{})
		if n := l.Dropped(); n != 0 {
			t.Errorf("%d lines were dropped, want 0: the log is off", n)
		}
		if err := errors.Join(l.Reopen(), l.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestThreeLogs(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) spec.LogFile { return spec.LogFile{Path: filepath.Join(dir, name)} }
	c := config
	c.Access, c.Connections, c.HealthChecks = file("access"), file("connection"), file("health")
	l, err := accesslog.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l.Log(served())
	l.Connection(&accesslog.ConnectionRecord{Time: at("2023-10-04T17:05:15Z"), TraceID: "TID_1"})
	l.HealthCheck(&accesslog.HealthCheckRecord{Time: at("2023-10-04T17:05:15Z"), Type: "http"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for name, fields := range map[string]int{"access": 34, "connection": 13, "health": 8} {
		lines := read(t, filepath.Join(dir, name))
		if len(lines) != 1 || len(splitALB(lines[0])) != fields {
			t.Errorf("%s log has %q, want one line of %d fields", name, lines, fields)
		}
	}
}

// TestAllocations holds a warm logger to none, in every format.
func TestAllocations(t *testing.T) {
	for _, format := range []string{spec.LogFormatALB, spec.LogFormatJSON, spec.LogFormatCombined} {
		t.Run(format, func(t *testing.T) {
			c := config
			c.Access.Format = format
			l := accesslog.NewOn(discard{}, c, slog.New(slog.DiscardHandler))
			defer l.Close()
			x := served()
			x.Request.Target = []byte("/é\"\xff")
			b := make([]byte, 0, 4096)
			if n := testing.AllocsPerRun(1000, func() { b = accesslog.AppendLine(l, b[:0], x) }); n != 0 {
				t.Errorf("%v allocations to format a line, want 0", n)
			}
			if n := testing.AllocsPerRun(5000, func() { l.Log(x) }); n != 0 {
				t.Errorf("%v allocations a line, want 0", n)
			}
		})
	}
}

func open(t *testing.T, path string) *accesslog.Logger {
	t.Helper()
	c := config
	c.Access.Path = path
	l, err := accesslog.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(func(yield func(string) bool) {
		for line := range strings.Lines(string(content)) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	})
}

func BenchmarkLog(b *testing.B) {
	for _, format := range []string{spec.LogFormatALB, spec.LogFormatJSON, spec.LogFormatCombined} {
		b.Run(format, func(b *testing.B) {
			c := config
			c.Access.Format = format
			l := accesslog.NewOn(discard{}, c, slog.New(slog.DiscardHandler))
			defer l.Close()
			x := served()
			b.ReportAllocs()
			for b.Loop() {
				l.Log(x)
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }
