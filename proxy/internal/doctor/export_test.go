package doctor

// What chance explains.
var (
	Differs = differs
	AtLeast = atLeast
)
