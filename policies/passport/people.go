package passport

// people are the identities that visas are of and speak of, and what links them. An issuer is believed in that,
// too: a custodian that believes one believes it about everybody.
type people struct {
	at    map[Identity]int
	links [][2]int
	known map[int]bool // by reach
}

func peopleOf(vs []Accepted) people {
	p := people{at: map[Identity]int{}}
	for _, v := range vs {
		p.place(v.identity())
	}
	for _, v := range vs {
		if v.Assertion.Type != LinkedIdentities || len(v.Assertion.Conditions) > 0 || !vouched(v.Assertion.By) {
			continue
		}
		linked, err := ParseLinked(v.Assertion.Value)
		if err != nil {
			continue
		}
		for _, id := range linked {
			p.links = append(p.links, [2]int{p.place(v.identity()), p.place(id)})
		}
	}
	return p
}

func (p *people) place(id Identity) int {
	i, ok := p.at[id]
	if !ok {
		i = len(p.at)
		p.at[id] = i
	}
	return i
}

// reach marks those that some are linked to, and these.
func (p *people) reach(from []Identity) {
	p.known = map[int]bool{}
	for _, id := range from {
		if i, ok := p.at[id]; ok {
			p.known[i] = true
		}
	}
	spread(p.known, p.links)
}

// vouched reports whether somebody else than people stands for an assertion. Who does not say so does not (Passport 1.2, "by").
func vouched(by string) bool { return by == "so" || by == "system" || by == "dac" }
