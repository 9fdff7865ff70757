package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Result is one row of the table.
type Result struct {
	Name     string  `json:"name"`
	Clients  int     `json:"clients"`
	Subjects int     `json:"subjects"`
	Consents int     `json:"consents"`
	Rate     float64 `json:"rate_per_s"` //nolint:tagliatelle // the form that the issue gives
	P50      float64 `json:"p50_us"`     //nolint:tagliatelle // the form that the issue gives
	P99      float64 `json:"p99_us"`     //nolint:tagliatelle // the form that the issue gives
	P999     float64 `json:"p999_us"`    //nolint:tagliatelle // the form that the issue gives
	CPU      float64 `json:"cpu_s"`      //nolint:tagliatelle // the form that the issue gives
	RSS      int64   `json:"rss_bytes"`  //nolint:tagliatelle // the form that the issue gives
	Note     string  `json:"note,omitempty"`
	Bad      int64   `json:"-"`
}

// request is one HTTP/1.1 request, head and body, ready to be written.
type request []byte

// render makes a request to host. Keep-alive is HTTP/1.1's default.
func render(host, path, token string, body []byte) request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, host, len(body))
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// conn is a client that spends as little as possible: it shares the cores with what it measures.
type conn struct {
	c net.Conn
	r *bufio.Reader

	body []byte
}

func dial(host string) (*conn, error) {
	c, err := net.Dial("tcp", host) //nolint:noctx // the load has no deadline to keep
	if err != nil {
		return nil, err
	}
	return &conn{c: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

// do sends a request and reads the answer: its status and its body, which is valid until the next.
func (c *conn) do(q request) (int, []byte, error) {
	c.body = c.body[:0]
	status, err := c.exchange(q)
	return status, c.body, err
}

func (c *conn) exchange(q request) (int, error) {
	if _, err := c.c.Write(q); err != nil {
		return 0, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errors.New("not an HTTP answer")
	}
	status := int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	length, chunked := -1, false
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return status, err
		}
		if len(line) <= 2 {
			break
		}
		switch {
		case hasPrefixFold(line, "content-length: "):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[16:]))); err != nil {
				return status, err
			}
		case hasPrefixFold(line, "transfer-encoding: chunked"):
			chunked = true
		}
	}
	if chunked {
		return status, c.chunks()
	}
	return status, c.take(max(length, 0))
}

// take adds n bytes to the body.
func (c *conn) take(n int) error {
	at := len(c.body)
	c.body = slices.Grow(c.body, n)[:at+n]
	_, err := io.ReadFull(c.r, c.body[at:])
	return err
}

func (c *conn) chunks() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if err := c.take(int(n) + 2); err != nil {
			return err
		}
		c.body = c.body[:len(c.body)-2]
		if n == 0 {
			return nil
		}
	}
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}

// drive runs clients that each send what next gives them, one after the other, for a time or until next has no more, and
// measures. A client's n-th call of next gets n. Every answer must have status 200, and satisfy check unless that is nil.
func drive(ctx context.Context, host string, clients int, d time.Duration, next func(client, n int) request, check func(client int, body []byte) error) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	latencies := make([][]uint32, clients)
	var bad, worst atomic.Int64
	var firstErr atomic.Pointer[error]
	var wg sync.WaitGroup
	cpu, begin := cpuTime(), time.Now()
	for i := range clients {
		wg.Go(func() {
			c, err := dial(host)
			if err != nil {
				firstErr.CompareAndSwap(nil, &err)
				return
			}
			defer c.c.Close() //nolint:errcheck // a client's end
			for n := 0; ctx.Err() == nil; n++ {
				q := next(i, n)
				if q == nil {
					return
				}
				t := time.Now()
				status, body, err := c.do(q)
				took := time.Since(t)
				if err == nil && status == 200 && check != nil {
					err = check(i, body)
				}
				if err != nil {
					firstErr.CompareAndSwap(nil, &err)
					return
				}
				if status != 200 {
					bad.Add(1)
					worst.CompareAndSwap(0, int64(status))
				}
				latencies[i] = append(latencies[i], uint32(min(took.Microseconds(), 1<<31))) //nolint:gosec // bounded
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	r := summary(slices.Concat(latencies...), took)
	r.Clients, r.CPU, r.RSS, r.Bad = clients, (cpuTime() - cpu).Seconds(), rss(), bad.Load()
	if e := firstErr.Load(); e != nil {
		return r, *e
	}
	if r.Bad > 0 {
		return r, fmt.Errorf("%d of %d requests were not answered with 200; the first of them with %d", r.Bad, len(slices.Concat(latencies...)), worst.Load())
	}
	return r, nil
}

// hasReceipt says what is wrong with the answer to a message: it must be a receipt with the proof that it is on the ledger.
func hasReceipt(_ int, body []byte) error {
	for _, part := range []string{`"position":`, `"proof":["`} {
		if !bytes.Contains(body, []byte(part)) {
			return fmt.Errorf("a receipt without %s: %.60s", part, body)
		}
	}
	return nil
}

func summary(us []uint32, took time.Duration) Result {
	if len(us) == 0 {
		return Result{}
	}
	slices.Sort(us)
	at := func(q float64) float64 { return float64(us[min(int(q*float64(len(us))), len(us)-1)]) }
	return Result{Rate: float64(len(us)) / took.Seconds(), P50: at(.5), P99: at(.99), P999: at(.999)}
}

// cpuTime is what this process has used, the load's share included.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
