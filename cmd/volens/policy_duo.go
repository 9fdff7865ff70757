package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/policies/duo"
	"github.com/volens-ledger/volens/policies/study"
	"github.com/volens-ledger/volens/wallet/cli"
)

// policyDUO compares a study with what data may be used for.
func policyDUO(env cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use: "duo", Short: "Terms of the Data Use Ontology", Args: cobra.NoArgs, RunE: cli.Choose,
	}
	var data, said []string
	var research string
	var asJSON bool
	match := &cobra.Command{
		Use: "match --data TERMS --study TERMS", Short: "Say whether data with these terms may be used for a study", Args: cobra.NoArgs,
		Long: `Compare a study with data by terms of DUO (GRU, DUO:0000042, or the IRI) and diseases (MONDO:0005148): DUOS' fourth algorithm, less its
permits of general research for data that is for a disease or an ancestry only, and every modifier of the data (NPU, IRB, TS, ...) has
to be one that the study names. APPROVE ends with 0, DENY with 3; ABSTAIN, which means that a person has to look, with 3, too.`,
		Example: "  volens policy duo match --data HMB,NPU --study DS,MONDO:0005148,NPU",
		RunE: func(*cobra.Command, []string) error {
			rules, err := studyRules(research)
			if err != nil {
				return err
			}
			want, err := rules.Read(study.Stated{Terms: said}, 0)
			if err == nil {
				_, err = rules.Read(study.Stated{Terms: data}, 0)
			}
			if err != nil || len(said) == 0 || len(data) == 0 {
				return cli.Usage("--data and --study are terms of DUO and diseases (%v)", err)
			}
			v := want.Compare(data)
			if err := tellVerdict(env, v, asJSON); err != nil {
				return err
			}
			if v != duo.Approve {
				return cli.Denied()
			}
			return nil
		},
	}
	f := match.Flags()
	f.StringSliceVar(&data, "data", nil, "what the data may be used for")
	f.StringSliceVar(&said, "study", nil, "what the study is and keeps to")
	f.StringVar(&research, "research", "", "file with the diseases above each, as \"volens serve --research\" takes it")
	f.BoolVar(&asJSON, "json", false, "print the verdict as JSON")
	c.AddCommand(match)
	return c
}

func tellVerdict(env cli.Env, v duo.Verdict, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(env.Out).Encode(map[string]duo.Verdict{"verdict": v})
	}
	_, err := fmt.Fprintln(env.Out, v)
	return err
}
