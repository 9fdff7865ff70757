package embedded

// Index rows, for tests.
var (
	StateKey  = stateKey
	PublicKey = publicKey
)
