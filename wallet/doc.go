// Package wallet is the patient's side: the recovery phrase, the keys that come from it, the encrypted file that keeps it,
// and signing that shows first what is signed. Nobody else in the system holds a patient's key.
//
// # Keys
//
// Every handle has its own key, so nothing on the ledger joins one patient's handles. All come from the phrase (package
// hd) by hardened BIP-32 derivation along
//
//	m / 8080' / h0' / h1' / h2' / h3' / h4' / g' / u'
//
// where the handle, read as a big-endian 128-bit number, is h0 (its top 4 bits) and then h1 to h4 (31 bits each): no two
// handles share a path. g is the generation: 0, and one more after every key rotation. u is the use: 0 the signing key,
// with which the person also signs in; 1 the 32-byte salt of the key's commitment; 2 the salt of the guardians'
// commitment. So the phrase and the list of handles bring everything back that is needed to sign: the generation is found
// by trying which one opens the commitment that the ledger shows (see Wallet.FindGeneration).
//
// Who acts for somebody else, as a delegate or as a guardian in a recovery, signs with the key that her own wallet derives
// for that handle, in generation 0: her phrase and the handle bring it back, nothing joins it to her own handles or to
// others she acts for, and she can tell its address as soon as she is told the handle. A book holds a handle in one
// role only.
//
// The path 8080'/h0' with h0 above 15 is free for later.
//
// # The file
//
// The file is an age file (https://age-encryption.org/v1) with one scrypt recipient; its content is JSON: the entropy of
// the phrase and the Book. Why age and not go-ethereum's keystore: a keystore is made for one 32-byte key, unauthenticated
// AES-CTR beside a hash over part of the file, and its package pulls in most of a node. An age file takes the whole book,
// authenticates header and every chunk (HMAC and ChaCha20-Poly1305, compared in constant time, before anything is used),
// is read by the plain `age` program and by the TypeScript twin age-encryption, and the module is kept by its author.
//
// scrypt runs with r = 8, p = 1 and N = 2^18 (256 MiB) unless Options say otherwise, never below 2^17 for a file that is
// written (OWASP ASVS 5.0, appendix C). A file that is read may have N from 2^14 to 2^20; other parameters are refused
// before any work is done for them.
//
// A wrong password cannot be told from damage to the salt or the wrapped key in the header's first lines: both are
// ErrPassword. Damage anywhere else is ErrCorrupt.
//
// # Signing
//
// Wallet.Sign takes a message of package consent as a struct, shows its fields (Describe) to a callback and signs only
// when that agrees. The digest is made from the same struct, for the ledger that the handle was pinned to when the
// person enrolled: neither a server nor a JSON text has a say in it. Names of recipients come from records that the
// ledger's authorities signed (Roster); any other name is shown as it stands, with a warning.
//
// A Wallet is for one goroutine at a time.
package wallet
