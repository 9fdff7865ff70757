package launch

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const probeTimeout = time.Second

func listens(ctx context.Context, address string) bool {
	d := net.Dialer{Timeout: probeTimeout}
	conn, err := d.DialContext(ctx, "tcp", address)
	return err == nil && conn.Close() == nil
}

// fetch gets a page of an operations service; code 0 is no answer.
func fetch(ctx context.Context, url string) (code int, body string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end or not wanted
	const most = 4 << 20
	b, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(b)
}

// metric is the value of one line of an operations service's metrics, "" when there is none.
func metric(ctx context.Context, operations, name string) string {
	_, page := fetch(ctx, "http://"+operations+"/metrics")
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
