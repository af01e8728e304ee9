//go:build race

package harness

// buildFlags make programs look for data races when the tests do; one that has any ends
// with a status that is not 0, and says so in its output.
var buildFlags = []string{"-race"}
