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
}

func dial(host string) (*conn, error) {
	c, err := net.Dial("tcp", host) //nolint:noctx // the load has no deadline to keep
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 64<<10)}, nil
}

// do sends a request and reads the answer: its status, and its body if keep is not nil.
func (c *conn) do(q request, keep *[]byte) (int, error) {
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
		return status, c.chunks(keep)
	}
	if keep == nil {
		_, err = c.r.Discard(max(length, 0))
		return status, err
	}
	*keep = make([]byte, max(length, 0))
	_, err = io.ReadFull(c.r, *keep)
	return status, err
}

func (c *conn) chunks(keep *[]byte) error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, b); err != nil {
			return err
		}
		if keep != nil {
			*keep = append(*keep, b[:n]...)
		}
		if n == 0 {
			return nil
		}
	}
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}

// drive runs clients that each send what next gives them, one after the other, for a time or until next has no more, and
// measures. A client's n-th call of next gets n.
func drive(ctx context.Context, host string, clients int, d time.Duration, next func(client, n int) request) (Result, error) {
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
				status, err := c.do(q, nil)
				if err != nil {
					firstErr.CompareAndSwap(nil, &err)
					return
				}
				if status != 200 {
					bad.Add(1)
					worst.CompareAndSwap(0, int64(status))
				}
				latencies[i] = append(latencies[i], uint32(min(time.Since(t).Microseconds(), 1<<31))) //nolint:gosec // bounded
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
