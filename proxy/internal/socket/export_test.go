package socket

// ConnOf is a connection of a descriptor that may be none of a socket.
func ConnOf(fd int) *Conn { return &Conn{descriptor: descriptor{fd: fd}} }
