// Package blocks reads the blocks of a Fabric channel and believes what is proven of them. One peer hands them over, and it
// may lie about everything that it cannot prove.
//
// What is trusted is the channel's first block, which the consortium agreed on before there was a channel and which every
// gateway has in a file of its own. It says which organisations order and which ones endorse, by their certificate
// authorities. From there on the channel speaks for itself: a block is an orderer's if its signature is made with a
// certificate of an ordering organisation, by the configuration that was in force before the block; a configuration block
// that is proven so is in force from the next one on. New organisations, new authorities and revocation lists therefore
// reach a gateway by the channel, in the block from which on they count, and an old block is judged by what was in force then.
//
// What is checked, in this order; each error says which one failed:
//
//	a. the data is what the header says, and every envelope that is called valid is one. (The data hash runs over the
//	   envelopes without their borders: two of them joined hash like the two, and read like the second.)
//	b. block 0 is the agreed one. Any other has the signature of an orderer over its header: ECDSA, with the smaller of the
//	   two values of s, or Ed25519, by a certificate of the unit "orderer" of an ordering organisation (by any of its
//	   certificates if it does not tell them apart).
//	c. a configuration, which comes alone in its block, is one by which somebody can order. An organisation that cannot be
//	   read has no certificates that are believed: its administrators write by themselves what is said of it.
//	d. a transaction that is called valid and has the ledger's event belongs to this channel, is the answer to the proposal
//	   that it comes with, and that answer is signed by peers (unit "peer") of as many organisations as the gateway asks for.
//	   One with fewer that writes no public state may well be valid, and its event does not count.
//
// Whatever Fabric's peers call valid is to pass these checks, or one organisation could stop every gateway for ever; so
// signatures, revocation lists and units are read as they read them, and what is called invalid may be anything. That a
// signer's certificate has ended is no reason to refuse, as it is none for Fabric's peers: it is in Block.Notes, for the log.
// A key that must not sign any more goes onto its organisation's revocation list.
//
// Certificates are checked like Fabric's peers check them: a chain to the organisation's authorities as it was when the
// certificate began, no entry in the organisation's revocation lists, and exactly one unit. The checks cost one ECDSA
// verification for a block and one for each endorsement; a certificate is checked once for each configuration.
//
// What is not proven by a block: its transactions' validation codes, and where the borders of invalid envelopes are. No
// orderer signs them, every peer finds them by itself. Package fabric compares them, see Said, with another organisation's peer.
package blocks
