package top

// Keys are those that typed bytes mean.
func Keys(typed []byte) int { return len(parseKeys(typed)) }

// What Run tells a terminal at the beginning and at the end.
const (
	Enter = enterScreen
	Leave = leaveScreen
)
