package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
)

// maxEvent bounds a server-sent event, in bytes.
const maxEvent = 64 << 10

// Notices follows the handle's notices (server-sent events) and calls fn for each, until ctx ends, fn fails, or the
// stream does: then the error is Unavailable, and following again is the caller's. A notice says where to look; it is no
// record of what happened.
func (c *Client) Notices(ctx context.Context, fn func(api.Notice) error) error {
	stream := *c
	endless := *c.opt.HTTP
	endless.Timeout = 0
	stream.opt.HTTP = &endless
	res, err := stream.do(ctx, request{method: http.MethodGet, path: api.PathNotices, accept: "text/event-stream"})
	if err != nil {
		return err
	}
	err = readEvents(bufio.NewScanner(res.Body), fn)
	err = errors.Join(err, res.Body.Close())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = consent.Errorf(consent.Unavailable, "the stream of notices ended")
	}
	return err
}

// readEvents reads an event stream (HTML, section 9.2): data lines of an event are joined, comments and other fields are
// passed over. An event without data is none.
func readEvents(lines *bufio.Scanner, fn func(api.Notice) error) error {
	lines.Buffer(make([]byte, 0, 4096), maxEvent)
	var data strings.Builder
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line != "" {
			if value, ok := strings.CutPrefix(line, "data:"); ok {
				data.WriteString(strings.TrimPrefix(value, " "))
			}
			if data.Len() > maxEvent {
				return consent.Errorf(consent.TooLarge, "a notice has more than %d bytes", maxEvent)
			}
			continue
		}
		if data.Len() == 0 {
			continue
		}
		var n api.Notice
		if err := json.Unmarshal([]byte(data.String()), &n); err != nil {
			return consent.Errorf(consent.Malformed, "read a notice: %w", err)
		}
		data.Reset()
		if err := fn(n); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return consent.Errorf(consent.Unavailable, "read notices: %w", err)
	}
	return nil
}
