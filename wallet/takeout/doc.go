// Package takeout makes the records that people take away, for use where no Volens is: a consent receipt by ISO/IEC TS
// 27560, and an account of who used the data, as 45 CFR 164.528 (HIPAA) and article 9 of Regulation (EU) 2025/327 (EHDS) ask.
//
// # Receipts
//
// A Receipt is JSON-LD in W3C's Data Privacy Vocabulary, with the 25 fields that TS 27560 makes mandatory (as DPV's guide maps
// them). It is computed from its Evidence, which it carries: the message that expresses the consent, those that confirmed and
// ended it, the ledger's receipts for them, and the messages by which the ledger's authorities admitted the parties. So it
// needs no signature of its own. Check looks at the evidence (the signatures and whose they are, the inclusion in the ledger's
// log, the log's signature, the contract's rules on members), computes the receipt anew, and compares: a receipt that says
// anything else is refused. What remains to be trusted is the key of the ledger's log, which the holder compares with the
// one that she pinned when she enrolled.
//
// There is a receipt for every consent: given, declined, and entered by a custodian from paper or another system. The last
// says volens:signedBy custodian, calls nothing explicitly expressed, and names the custodian as who indicates it, until the
// person has confirmed it by her own signature.
//
//	state when issued      last event                    by
//	in force               ConsentGiven, ConsentRefused  who signed
//	withdrawn, replaced    ConsentWithdrawn              the person or her delegate
//	taken back, erased     ConsentRevoked                the custodian; ConsentWithdrawn when the person erased it
//	run out                ConsentExpired                its own end, at dct:issued
//	subject not known      ConsentUnknown                what a wallet can say when the gateway knows the handle no more
//
// A receipt is of the time that it was issued. That nothing came later, and nothing was left out of it, no receipt shows.
//
// Three things are not on the ledger: where the custodian keeps its records, under whose law, and when the receipt was issued.
// They are stated, marked as such, and covered by no signature.
//
// # Accounts
//
// An Account is a list of uses that the wallet has verified, cut to what a law asks for, as JSON with every field that a use has,
// as CSV without formulas, or as a page to print without scripts. Which field which law asks for: TestAccountFields. Repeated
// disclosures are listed one by one, never summarised, which 45 CFR 164.528(b)(3) allows and does not ask for.
package takeout
