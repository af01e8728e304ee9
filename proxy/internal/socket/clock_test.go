package socket

import (
	"errors"
	"os"
	"testing"
	"time"
	"unsafe"
)

// TestClockIsSetBack has the time of day be an hour late from now on: deadlines come in time.
func TestClockIsSetBack(t *testing.T) {
	c, _ := connected(t)
	until := time.Now().Add(time.Hour + 20*time.Millisecond)
	// What a time.Time knows of the clock that nobody sets is its second word.
	*(*int64)(unsafe.Add(unsafe.Pointer(&until), 8)) -= int64(time.Hour)
	_ = c.SetReadDeadline(until)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read() error = %v, want that of a deadline", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the deadline waits for the time of day")
	}
}
