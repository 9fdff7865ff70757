// Package journal is an append-only, fsynced, Merkle-committed record log.
package journal
