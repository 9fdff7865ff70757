// Package takeout makes the records that people take away, for use where no Volens is: a consent receipt by ISO/IEC TS
// 27560, and an account of who used the data, as 45 CFR 164.528 (HIPAA) and article 9 of Regulation (EU) 2025/327 (EHDS) ask.
//
// # Receipts
//
// A Receipt is JSON-LD in W3C's Data Privacy Vocabulary, with the 25 fields that TS 27560 makes mandatory (as DPV's guide maps
// them). It is computed from its Evidence, which it carries: the message that the person signed, the ledger's receipt for
// it, and the messages by which the ledger's authorities admitted the parties. So it needs no signature of its own. Check
// looks at the evidence (the person's signature, the inclusion in the ledger's log, the log's signature, the contract's rules
// on members), computes the receipt anew, and compares: a receipt that says anything else is refused. What remains to be
// trusted is the key of the ledger's log, which the holder compares with the one that she pinned when she enrolled.
//
// Two things are not on the ledger: where the custodian keeps its records, and under whose law. They are the custodian's own
// statement, are marked as such, and are covered by no signature.
//
// # Accounts
//
// An Account is a list of uses that the wallet has verified, cut to what a law asks for, as JSON, CSV or a page to print.
package takeout
