package main

import (
	"os"

	"github.com/volens-ledger/volens/wallet/document"
)

const trustUsage = "a file with keys of those whose health certificates the app believes (repeat for several; default nobody's)"

// trustList reads the files of --trust into the list that the app asks for.
func trustList(paths []string) ([]byte, error) {
	files := make([][]byte, len(paths))
	for i, path := range paths {
		var err error
		if files[i], err = os.ReadFile(path); err != nil { //nolint:gosec // the operator names it
			return nil, err
		}
	}
	return document.TrustList(files...)
}
