package consent

// Tree is a log: how many leaves it has, and their RFC 6962 root.
type Tree struct {
	Size Uint64 `json:"size"`
	Root Hash   `json:"root"`
}

// Import opens a closed ledger again on another host, which has taken over every leaf of it. The authorities sign the size
// and the root that they have verified: that one message is their word for all that the new host took over. The log goes
// on where it was; nothing about subjects, members or authorities changes.
type Import struct {
	Seq  Uint64 `json:"seq"`  // one more than the genesis record's, so a second Import of one closing is refused
	Size Uint64 `json:"size"` // leaves that were taken over, the closing included
	Root Hash   `json:"root"` // RFC 6962 root of them
	Salt Hash   `json:"salt"`
}

func (m *Import) salt() Hash { return m.Salt }

func (m *Import) apply(c *change) error {
	if err := c.byAuthoritiesAt(m.Seq); err != nil {
		return err
	}
	if !c.genesis.Closed || c.tx.Log == (Tree{}) {
		return errorf(WrongState, "this host takes no closed ledger over")
	}
	if c.tx.Log != (Tree{m.Size, m.Root}) {
		return errorf(Conflict, "the authorities signed for another log than the one that was taken over")
	}
	c.genesis.Seq, c.genesis.Closed = m.Seq, false
	c.event.Seq = m.Seq
	return c.put(genesisKey, c.genesis)
}
