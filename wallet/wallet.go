package wallet

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/wallet/hd"
)

// Errors of this package, wrapped with what was wrong; compare with errors.Is. None repeats anything secret.
var (
	ErrPassword     = errors.New("the password does not open the wallet (or its first lines are damaged)")
	ErrWeakPassword = fmt.Errorf("a password has at least %d characters", MinPassword)
	ErrCorrupt      = errors.New("the wallet file is damaged; restore it from the recovery phrase or a backup")
	ErrCost         = errors.New("the wallet file asks for a key derivation out of bounds")
	ErrLocked       = errors.New("the wallet is in use by another program")
	ErrExists       = errors.New("there is a wallet at this path already")
	ErrClosed       = errors.New("the wallet is closed")
	ErrPhraseSeen   = errors.New("the recovery phrase was confirmed and is not shown again")
	ErrPhraseWrong  = errors.New("these words are a recovery phrase, but not of this wallet")
	ErrSubject      = errors.New("the wallet has no such handle")
)

// Options of a new wallet. The zero value works.
type Options struct {
	Rand       io.Reader // source of the phrase; nil: the system's
	LogN       int       // scrypt's cost; 0: DefaultLogN, else MinLogN to 20
	Passphrase string    // BIP-39 passphrase beside the phrase; it is needed to restore
}

// Wallet is an opened wallet file. It holds the file's lock until Close.
type Wallet struct { //nolint:recvcheck // methods that hide have value receivers, so that a copy hides too
	path       string
	lock       *os.File
	password   string
	logN       int
	phrase     hd.Phrase
	passphrase string
	seen       bool // the owner has confirmed that she has the phrase
	keys       Keys
	book       *Book
}

// content is what the file seals.
type content struct {
	Version    int    `json:"version"`
	Entropy    []byte `json:"entropy"`
	Passphrase string `json:"passphrase,omitempty"`
	PhraseSeen bool   `json:"phraseSeen"`
	Book       *Book  `json:"book"`
}

const contentVersion = 1

// Create makes a wallet with a new phrase of 24 words and writes its file, with mode 0600. The path must be free.
func Create(path, password string, o Options) (*Wallet, error) {
	random := o.Rand
	if random == nil {
		random = rand.Reader
	}
	p, err := hd.NewPhrase(random)
	if err != nil {
		return nil, err
	}
	return initialise(path, password, p, false, o)
}

// Restore makes a wallet from the words of an older one and writes its file. The keys are the same; the book is empty
// and fills again from the list of handles and from the ledger.
func Restore(path, words, password string, o Options) (*Wallet, error) {
	p, err := hd.ParsePhrase(words)
	if err != nil {
		return nil, err
	}
	return initialise(path, password, p, true, o)
}

func initialise(path, password string, p hd.Phrase, seen bool, o Options) (_ *Wallet, err error) {
	w := &Wallet{path: path, logN: o.LogN, phrase: p, passphrase: o.Passphrase, seen: seen, book: &Book{}}
	if w.logN == 0 {
		w.logN = DefaultLogN
	}
	if w.logN < MinLogN || w.logN > maxReadLogN {
		return nil, fmt.Errorf("%w: N is not from 2^%d to 2^%d", ErrCost, MinLogN, maxReadLogN)
	}
	if err := w.SetPassword(password); err != nil {
		return nil, err
	}
	if w.keys, err = NewKeys(p, o.Passphrase); err != nil {
		return nil, err
	}
	if w.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(ErrExists, err)
	}
	if err := w.Save(); err != nil {
		return nil, err
	}
	return w, nil
}

// Open reads a wallet file. A file that was written with too weak a cost is written with a better one by the next Save.
func Open(path, password string) (_ *Wallet, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the wallet: %w", err)
	}
	w := &Wallet{path: path, password: normalPassword(password)}
	if w.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	file, err := readFile(path)
	if err != nil {
		return nil, err
	}
	plain, logN, err := unseal(file, w.password)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	w.logN = max(logN, MinLogN)
	if err := w.load(plain); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Wallet) load(plain []byte) error {
	var head struct{ Version int }
	if err := json.Unmarshal(plain, &head); err != nil {
		return fmt.Errorf("%w: not JSON", ErrCorrupt)
	}
	if head.Version != contentVersion {
		return fmt.Errorf("open the wallet: it was written by another version (%d)", head.Version)
	}
	var c content
	if err := unmarshalStrict(plain, &c); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	defer clear(c.Entropy)
	p, err := hd.PhraseFromEntropy(c.Entropy)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if c.Book == nil {
		c.Book = &Book{}
	}
	if w.keys, err = NewKeys(p, c.Passphrase); err != nil {
		return err
	}
	w.phrase, w.passphrase, w.seen, w.book = p, c.Passphrase, c.PhraseSeen, c.Book
	return nil
}

// Save writes the file anew: a temporary file in the same folder, synced, renamed over the old one, the folder synced.
// After an error the old file is still whole. It costs one scrypt run.
func (w *Wallet) Save() error {
	if w.lock == nil {
		return ErrClosed
	}
	entropy := w.phrase.Entropy()
	defer clear(entropy)
	plain, err := json.Marshal(content{contentVersion, entropy, w.passphrase, w.seen, w.book})
	if err != nil {
		return fmt.Errorf("save the wallet: %w", err)
	}
	defer clear(plain)
	file, err := seal(plain, w.password, w.logN)
	if err != nil {
		return err
	}
	if len(file) > MaxFile {
		return fmt.Errorf("save the wallet: larger than %d bytes", MaxFile)
	}
	if err := writeFile(w.path, file); err != nil {
		return fmt.Errorf("save the wallet: %w", err)
	}
	return nil
}

// Close drops the lock and forgets the keys. It does not save.
func (w *Wallet) Close() error {
	if w.lock == nil {
		return nil
	}
	if w.keys.root != nil {
		w.keys.root().Wipe()
	}
	err := w.lock.Close()
	w.lock, w.keys, w.phrase, w.password, w.passphrase = nil, Keys{}, hd.Phrase{}, "", ""
	return err
}

// SetPassword changes the password that the next Save seals the file with.
func (w *Wallet) SetPassword(password string) error {
	password = normalPassword(password)
	if utf8.RuneCountInString(password) < MinPassword {
		return ErrWeakPassword
	}
	w.password = password
	return nil
}

// Phrase returns the words for their owner to write down, until she has confirmed them; then ErrPhraseSeen.
func (w *Wallet) Phrase() (string, error) {
	switch {
	case w.lock == nil:
		return "", ErrClosed
	case w.seen:
		return "", ErrPhraseSeen
	}
	return w.phrase.Words(), nil
}

// ConfirmPhrase checks the words that the owner typed back and, when they are right, saves that the phrase need not be
// shown again.
func (w *Wallet) ConfirmPhrase(words string) error {
	p, err := hd.ParsePhrase(words)
	switch {
	case w.lock == nil:
		return ErrClosed
	case err != nil:
		return err
	case !p.Equal(w.phrase):
		return ErrPhraseWrong
	}
	w.seen = true
	return w.Save()
}

// Path is where the wallet's file is.
func (w *Wallet) Path() string { return w.path }

// Book returns the wallet's book, to read and to change; Save writes it.
func (w *Wallet) Book() *Book { return w.book }

// Keys returns the derivation itself, for generations other than the handle's present one.
func (w *Wallet) Keys() Keys { return w.keys }

// Key is the present signing key of a handle: of the generation that the book names, or of generation 0 when the book
// does not know the handle.
func (w *Wallet) Key(handle consent.SubjectID) (sig.Key, error) {
	return w.keys.Key(handle, w.generation(handle))
}

// Opening opens what the ledger knows of the handle's signer, as the messages it signs carry it: the commitment of the
// present key or, for a handle that the person only acts for, the delegation.
func (w *Wallet) Opening(handle consent.SubjectID) (consent.Openings, error) {
	if s, known := w.book.Subject(handle); known && s.Delegation != nil {
		return consent.Openings{Delegation: s.Delegation}, nil
	}
	salt, err := w.keys.KeySalt(handle, w.generation(handle))
	return consent.Openings{KeySalt: &salt}, err
}

// FindGeneration looks which generation of the handle's key the ledger has registered, given the head's key commitment,
// and writes it into the book when the handle is there. ErrSubject says that the key is not of this wallet: another
// phrase or passphrase, or somebody took the handle over.
func (w *Wallet) FindGeneration(handle consent.SubjectID, keyCommit consent.Hash) (uint32, error) {
	for g := range uint32(MaxGenerations) {
		c, err := w.keys.Commitment(handle, g)
		if err != nil {
			return 0, err
		}
		if c == keyCommit {
			if s, known := w.book.Subject(handle); known {
				s.Generation = g
			}
			return g, nil
		}
	}
	return 0, fmt.Errorf("%w: the registered key is not of this wallet", ErrSubject)
}

func (w *Wallet) generation(handle consent.SubjectID) uint32 {
	if w.book == nil {
		return 0
	}
	if s, known := w.book.Subject(handle); known {
		return s.Generation
	}
	return 0
}

// Format implements fmt.Formatter and hides the wallet from every verb. Its receiver is a value, so that a copy hides too.
func (w Wallet) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte("wallet.Wallet(hidden)")) //nolint:errcheck // fmt keeps the error
}

// String hides the wallet.
func (w Wallet) String() string { return "wallet.Wallet(hidden)" }

func readFile(path string) (_ []byte, err error) {
	f, err := os.Open(path) //nolint:gosec // the wallet's own path
	if err != nil {
		return nil, fmt.Errorf("open the wallet: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("open the wallet: %w", err)
	}
	if len(b) > MaxFile {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrCorrupt, MaxFile)
	}
	return b, nil
}

// writeFile replaces path by b, all or nothing, with mode 0600.
func writeFile(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
