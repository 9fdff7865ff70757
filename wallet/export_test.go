package wallet

// For tests of the file format at a cost below what the package writes.
var (
	Seal   = seal
	Unseal = unseal
)
