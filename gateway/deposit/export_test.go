package deposit

// For tests of what the package reads.
var (
	Check = check
	Split = split
)
