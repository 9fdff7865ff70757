package ccaas

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// Main is the command of a chaincode server: args are the command line with the program's name. Called detect, build or
// release it is the peer's external builder; else it serves the contract, in wrap unless that is nil, until it cannot.
func Main(args []string, wrap func(*Contract) shim.Chaincode) error {
	if step := filepath.Base(args[0]); isBuilderStep(step) {
		return BuilderStep(step, args[1:])
	}
	id, service, cfg, err := flags(args[1:])
	if err != nil {
		return err
	}
	c := New(cfg)
	if wrap == nil {
		return service.Serve(id, c)
	}
	return service.Serve(id, wrap(c))
}

// flags reads the command line; its defaults are the environment variables that Fabric's own samples use.
func flags(args []string) (id string, s Service, cfg Config, err error) {
	f := flag.NewFlagSet("volens-chaincode", flag.ContinueOnError)
	f.StringVar(&id, "id", os.Getenv("CHAINCODE_ID"), "package id that the peer gave the chaincode (CHAINCODE_ID)")
	f.StringVar(&s.Address, "address", os.Getenv("CHAINCODE_SERVER_ADDRESS"), "address to listen on (CHAINCODE_SERVER_ADDRESS)")
	f.StringVar(&s.Cert, "cert", os.Getenv("CHAINCODE_TLS_CERT"), "file of the server's certificate (CHAINCODE_TLS_CERT)")
	f.StringVar(&s.Key, "key", os.Getenv("CHAINCODE_TLS_KEY"), "file of the server's key (CHAINCODE_TLS_KEY)")
	f.StringVar(&s.ClientCA, "client-ca", os.Getenv("CHAINCODE_CLIENT_CA_CERT"), "file of the certificates of which the peer's must be signed by one (CHAINCODE_CLIENT_CA_CERT)")
	ledger := f.String("ledger", os.Getenv("VOLENS_LEDGER"), "id of the only ledger whose genesis is endorsed, empty for any (VOLENS_LEDGER)")
	if err = f.Parse(args); err != nil {
		return "", s, cfg, err
	}
	cfg.Trouble = func(function string, err error) {
		slog.Error("a transaction was not answered", slog.String("function", function), slog.Any("error", err))
	}
	if *ledger != "" {
		if err = cfg.Ledger.UnmarshalText([]byte(*ledger)); err != nil {
			return "", s, cfg, fmt.Errorf("read -ledger: %w", err)
		}
	}
	return id, s, cfg, nil
}
