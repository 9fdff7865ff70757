package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"filippo.io/age"
	"golang.org/x/text/unicode/norm"
)

// Limits of scrypt's cost, as logarithms of N (r = 8, p = 1: N kilobytes of memory).
const (
	DefaultLogN = 18 // 256 MiB, about a second: what age and go-ethereum take for desktops
	MinLogN     = 17 // floor for files that are written (OWASP ASVS 5.0, appendix C)
	minReadLogN = 14 // floor and cap for files that are read
	maxReadLogN = 20
)

// MaxFile is the largest wallet file that is read, in bytes.
const MaxFile = 64 << 20

// MinPassword is the least number of characters of a new password (NIST SP 800-63B, OWASP ASVS 5.0, 6.2); 15 are advised.
const MinPassword = 8

// normalPassword makes one password of its Unicode spellings, as NIST SP 800-63B advises, so that a password typed on
// another keyboard opens the file. ASCII stays as it is.
func normalPassword(password string) string { return norm.NFKC.String(password) }

// seal encrypts content under a password.
func seal(content []byte, password string, logN int) ([]byte, error) {
	r, err := age.NewScryptRecipient(password)
	if err != nil {
		return nil, fmt.Errorf("%w: it is empty", ErrWeakPassword)
	}
	r.SetWorkFactor(logN)
	var file bytes.Buffer
	w, err := age.Encrypt(&file, r)
	if err != nil {
		return nil, fmt.Errorf("seal the wallet: %w", err)
	}
	if _, err := w.Write(content); err != nil {
		return nil, fmt.Errorf("seal the wallet: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal the wallet: %w", err)
	}
	return file.Bytes(), nil
}

// unseal decrypts what seal wrote, and returns the cost it was written with.
func unseal(file []byte, password string) (content []byte, logN int, err error) {
	if logN, err = costOf(file); err != nil {
		return nil, 0, err
	}
	id, err := age.NewScryptIdentity(password)
	if err != nil {
		return nil, 0, ErrPassword
	}
	id.SetMaxWorkFactor(maxReadLogN)
	r, err := age.Decrypt(bytes.NewReader(file), id)
	if noMatch := new(age.NoIdentityMatchError); errors.As(err, &noMatch) {
		return nil, 0, ErrPassword
	} else if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	content, err = io.ReadAll(r)
	if err != nil {
		clear(content)
		return nil, 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return content, logN, nil
}

var header = regexp.MustCompile(`\Aage-encryption\.org/v1\n-> scrypt [A-Za-z0-9+/]{22} ([0-9]+)\n`)

// costOf reads scrypt's cost from the header, so that a file cannot demand work that nobody would have asked for, nor
// pass off a weak one.
func costOf(file []byte) (int, error) {
	m := header.FindSubmatch(file[:min(len(file), 128)])
	if m == nil {
		return 0, fmt.Errorf("%w: not an age file with a password", ErrCorrupt)
	}
	logN, err := strconv.Atoi(string(m[1]))
	if err != nil || logN < minReadLogN || logN > maxReadLogN || m[1][0] == '0' {
		return 0, fmt.Errorf("%w: N is not from 2^%d to 2^%d", ErrCost, minReadLogN, maxReadLogN)
	}
	return logN, nil
}
