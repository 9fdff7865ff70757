package ccaas

import (
	"errors"
	"fmt"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// Service is where a chaincode serves the organisation's own peer. Both sides present certificates, so that nobody else
// can feed it a state of his own.
type Service struct {
	Address   string // host:port to listen on
	Cert, Key string // files of the server's certificate and key
	ClientCA  string // file of the certificates of which one signed the peer's
}

// Serve serves cc, the chaincode whose package has this id, until the server fails.
func (s Service) Serve(id string, cc shim.Chaincode) error {
	if id == "" || s.Address == "" {
		return errors.New("serve the chaincode: a package id and an address are needed")
	}
	var tls shim.TLSProperties
	for _, f := range []struct {
		to         *[]byte
		what, path string
	}{{&tls.Cert, "certificate", s.Cert}, {&tls.Key, "key", s.Key}, {&tls.ClientCACerts, "peer's authority", s.ClientCA}} {
		b, err := os.ReadFile(f.path)
		if err != nil {
			return fmt.Errorf("serve the chaincode: read the %s: %w", f.what, err)
		}
		*f.to = b
	}
	return (&shim.ChaincodeServer{CCID: id, Address: s.Address, CC: cc, TLSProps: tls}).Start()
}
