package replica

// How rows are packed, for tests.
var (
	Pack   = pack
	Unpack = unpack
)
