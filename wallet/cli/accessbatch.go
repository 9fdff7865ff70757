package cli

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

func (a *app) accessBatch() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "batch", Short: "Ask for several decisions", Args: cobra.NoArgs,
		Long: `Ask for as many decisions as the input has requests: a JSON array, or one request a line. It ends with 3 when any is
denied. The requests go out a hundred at a time.`,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := readInput(file, a.In)
			if err != nil {
				return err
			}
			rs, err := requests(b)
			if err != nil {
				return Usage("read the requests: %w", err)
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			answers := []api.Access{}
			for len(rs) > 0 {
				n := min(len(rs), 100)
				some, err := m.Batch(c.Context(), rs[:n])
				if err != nil {
					return err
				}
				answers, rs = append(answers, some...), rs[n:]
			}
			if err := a.show(answers, func(out io.Writer) {
				for _, d := range answers {
					showDecision(out, d)
				}
			}); err != nil {
				return err
			}
			for _, d := range answers {
				if d.Decision.Decision != policies.Permit {
					return Denied()
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "file", "-", "file of requests; - is standard input")
	return c
}

// requests reads a JSON array or a sequence of objects.
func requests(b []byte) ([]api.AccessRequest, error) {
	var list []api.AccessRequest
	if trimmed := strings.TrimLeft(string(b), " \t\r\n"); strings.HasPrefix(trimmed, "[") {
		return list, strict(b, &list)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	for d.More() {
		var r api.AccessRequest
		if err := d.Decode(&r); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}
