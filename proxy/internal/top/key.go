package top

// key is something that can be pressed.
type key uint8

// The keys that mean something.
const (
	keyNone key = iota
	keyQuit
	keyStop // Ctrl-Z
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
	keyNextSort
	keyPreviousSort
	keyReverse
	keyWindow
	keyPause
	keyHelp
)

// letters are keys of one byte; in a terminal that passes everything on, Ctrl-C is one.
var letters = map[byte]key{
	'q': keyQuit, 'Q': keyQuit, 0x03: keyQuit, 0x04: keyQuit, 0x1a: keyStop,
	'k': keyUp, 'j': keyDown, 'b': keyPageUp, ' ': keyPageDown, 'f': keyPageDown, 'g': keyHome, 'G': keyEnd,
	's': keyNextSort, 'S': keyPreviousSort, 'r': keyReverse, 'w': keyWindow, 'p': keyPause, 'h': keyHelp, '?': keyHelp,
}

// sequences are what follows ESC [ or ESC O.
var sequences = map[string]key{
	"A": keyUp, "B": keyDown, "C": keyNextSort, "D": keyPreviousSort, "H": keyHome, "F": keyEnd,
	"5~": keyPageUp, "6~": keyPageDown, "1~": keyHome, "4~": keyEnd, "7~": keyHome, "8~": keyEnd,
}

const escape = 0x1b

// parseKeys takes apart what was typed. What means nothing is left out.
//
// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
func parseKeys(typed []byte) []key {
	var keys []key
	for i := 0; i < len(typed); {
		if typed[i] != escape || i+1 == len(typed) || typed[i+1] != '[' && typed[i+1] != 'O' {
			if k := letters[typed[i]]; k != keyNone {
				keys = append(keys, k)
			}
			i++
			continue
		}
		// Parameters and intermediates, then one byte that ends the sequence.
		end := i + 2
		for end < len(typed) && typed[end] >= 0x20 && typed[end] < 0x40 {
			end++
		}
		if end == len(typed) {
			return keys
		}
		if k := sequences[string(typed[i+2:end+1])]; k != keyNone {
			keys = append(keys, k)
		}
		i = end + 1
	}
	return keys
}
