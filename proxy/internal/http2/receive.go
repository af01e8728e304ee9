package http2

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// receive reads what the client sends until the connection is over.
func (s *session) receive() error {
	s.mu.Lock()
	s.out = appendSettings(s.buffer(),
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: uint32(s.o.MaxStreams)},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: MaxHead + headSlack},
		http2.Setting{ID: http2.SettingHeaderTableSize, Val: headerTable},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
	)
	s.out = appendWindowUpdate(s.out, 0, connectionWindow-initialWindow)
	s.flush(false)
	s.mu.Unlock()

	_ = s.conn.SetReadDeadline(time.Now().Add(prefaceTimeout))
	err := s.in.skip(http2.ClientPreface)
	if err == nil {
		err = s.first()
	}
	for err == nil {
		var h frameHeader
		var payload []byte
		if h, payload, err = s.in.next(); err == nil {
			err = s.frame(h, payload)
		}
	}
	if code := http2.ConnectionError(0); errors.As(err, &code) {
		s.refuseAll(http2.ErrCode(code))
	}
	return err
}

// first takes the frame that has to follow the preface.
func (s *session) first() error {
	h, payload, err := s.in.next()
	if err != nil {
		return err
	}
	if h.kind != http2.FrameSettings || h.flags.Has(http2.FlagSettingsAck) {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if err := s.frame(h, payload); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.departed {
		return nil // with a deadline of its own
	}
	return s.conn.SetReadDeadline(time.Time{})
}

// Frames that bring nothing are free up to a share of what does, and a start.
const (
	freeOverhead  = 1 << 20
	overheadShare = 8
)

// frame acts on one frame. A ConnectionError ends the connection with its code.
func (s *session) frame(h frameHeader, payload []byte) error {
	if s.partial.id != 0 && (h.kind != http2.FrameContinuation || h.stream != s.partial.id) {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	switch {
	case h.kind == http2.FrameData && h.length > 0, h.kind == http2.FrameHeaders:
		s.payload += int64(h.length)
		s.overhead += frameHeaderSize
	default:
		s.overhead += int64(frameHeaderSize + h.length)
	}
	// A client that sends little else than what makes work is cut (CVE-2019-9511 to 9518).
	if s.overhead/overheadShare > s.payload+freeOverhead && s.overhead/overheadShare > s.allPayload()+freeOverhead {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	switch h.kind {
	case http2.FrameHeaders:
		return s.onHeaders(h, payload)
	case http2.FrameContinuation:
		return s.onContinuation(h, payload)
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.bounded()
	switch h.kind {
	case http2.FrameData:
		return s.onData(h, payload)
	case http2.FrameWindowUpdate:
		return s.onWindowUpdate(h, payload)
	case http2.FrameRSTStream:
		return s.onReset(h, payload)
	case http2.FrameSettings:
		return s.onSettings(h, payload)
	case http2.FramePing:
		return s.onPing(h, payload)
	case http2.FramePriority:
		if h.stream == 0 {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		if len(payload) != prioritySize {
			s.refuse(h.stream, http2.ErrCodeFrameSize)
		}
	case http2.FramePushPromise:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	default: // GOAWAY changes nothing here, and what is unknown is passed over
	}
	return nil
}

// allPayload counts in what was sent: to take much needs many small frames.
func (s *session) allPayload() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.payload += s.sent
	s.sent = 0
	return s.payload
}

// prioritySize is that of a priority, which nobody acts on any more (RFC 9113, section 5.3.2).
const prioritySize = 5

func (s *session) onData(h frameHeader, payload []byte) error {
	if h.stream == 0 || h.stream > s.lastID {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if s.recvWindow -= h.length; s.recvWindow < 0 {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	data, err := unpad(payload, h.flags.Has(http2.FlagDataPadded))
	if err != nil {
		return err
	}
	st := s.streams[h.stream]
	if st == nil { // it ended while this was on its way
		s.giveBack(h.length)
		return nil
	}
	end := h.flags.Has(http2.FlagDataEndStream)
	st.got += int64(len(data))
	code := http2.ErrCodeNo
	switch st.recvWindow -= h.length; {
	case st.remoteEnded:
		code = http2.ErrCodeStreamClosed
	case st.recvWindow < 0:
		code = http2.ErrCodeFlowControl
	case st.declared >= 0 && st.got > st.declared:
		code = http2.ErrCodeProtocol
	}
	if code != http2.ErrCodeNo {
		s.giveBack(h.length)
		s.resetStream(st, code, errWrongBody)
		return nil
	}
	if st.stopped {
		s.giveBack(h.length)
	} else {
		st.body.put(data)
		padding := h.length - len(data)
		s.giveBack(padding)
		st.giveBack(padding)
	}
	if end {
		st.endBody()
	}
	st.readable.Broadcast()
	return nil
}

// errWrongBody is what is wrong with a body that is not what its head or its window allow.
var errWrongBody = errors.New("the body is not what its frames may be")

// giveBack lets the client send n more bytes; it is told when that is worth a frame. mu is held.
func (s *session) giveBack(n int) {
	if s.owed += n; s.owed >= connectionWindow/2 {
		s.out = appendWindowUpdate(s.buffer(), 0, s.owed)
		s.recvWindow += s.owed
		s.owed = 0
	}
}

func (s *session) onWindowUpdate(h frameHeader, payload []byte) error {
	if len(payload) != 4 {
		return http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	n := int64(binary.BigEndian.Uint32(payload) &^ (1 << 31))
	if h.stream == 0 {
		if n == 0 {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		if s.sendWindow += n; s.sendWindow > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		if s.starved > 0 {
			for _, st := range s.streams {
				st.writable.Broadcast()
			}
		}
		return nil
	}
	if h.stream > s.lastID {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	st := s.streams[h.stream]
	switch {
	case st == nil:
	case n == 0:
		s.resetStream(st, http2.ErrCodeProtocol, io.ErrUnexpectedEOF)
	case st.sendWindow+n > maxWindow:
		s.resetStream(st, http2.ErrCodeFlowControl, io.ErrUnexpectedEOF)
	default:
		st.sendWindow += n
		st.writable.Broadcast()
	}
	return nil
}

// maxWindow is the largest that a window may be (RFC 9113, section 6.9.1).
const maxWindow = 1<<31 - 1

func (s *session) onReset(h frameHeader, payload []byte) error {
	if len(payload) != 4 {
		return http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	if h.stream == 0 || h.stream > s.lastID {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if st := s.streams[h.stream]; st != nil {
		s.kill(st, io.ErrUnexpectedEOF)
	}
	return nil
}

func (s *session) onPing(h frameHeader, payload []byte) error {
	var data [8]byte
	if copy(data[:], payload) != len(payload) || len(payload) != len(data) {
		return http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	switch {
	case h.stream != 0:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case !h.flags.Has(http2.FlagPingAck):
		s.out = appendPing(s.buffer(), true, data)
	case s.away == announced && data == goAwayPing:
		s.mu.Unlock()
		s.leave(http2.ErrCodeNo)
		s.mu.Lock()
	}
	return nil
}

func (s *session) onSettings(h frameHeader, payload []byte) error {
	const size = 6
	switch {
	case h.stream != 0:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case h.flags.Has(http2.FlagSettingsAck) && len(payload) > 0, len(payload)%size != 0:
		return http2.ConnectionError(http2.ErrCodeFrameSize)
	case h.flags.Has(http2.FlagSettingsAck):
		return nil
	}
	window := s.initialWindow
	for ; len(payload) > 0; payload = payload[size:] {
		setting := http2.Setting{ID: http2.SettingID(binary.BigEndian.Uint16(payload)), Val: binary.BigEndian.Uint32(payload[2:])}
		if err := setting.Valid(); err != nil {
			return err
		}
		switch setting.ID {
		case http2.SettingInitialWindowSize:
			window = int64(setting.Val)
		case http2.SettingHeaderTableSize:
			s.shrunk = s.shrunk || setting.Val < initialTable
		case http2.SettingMaxFrameSize:
			s.maxFrame = min(int(setting.Val), frameSize)
		default: // nothing that is sent depends on it
		}
	}
	// Once for the frame, however often it says so: there may be many streams.
	if change := window - s.initialWindow; change != 0 {
		s.initialWindow = window
		for _, st := range s.streams {
			if st.sendWindow += change; st.sendWindow > maxWindow {
				return http2.ConnectionError(http2.ErrCodeFlowControl)
			}
			st.writable.Broadcast()
		}
	}
	s.out = appendFrameHeader(s.buffer(), 0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	return nil
}
