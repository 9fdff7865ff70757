package gateway

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/network"
)

// Notices hands out news of subjects to those who listen. A slow listener loses notices, never blocks anybody: a notice
// says where to look, and the next one says the same.
type Notices struct {
	erased    func(consent.SubjectID) // set by the gateway
	ended     chan struct{}
	end       sync.Once
	mu        sync.Mutex
	listeners map[consent.SubjectID]map[chan api.Notice]struct{}
}

// NewNotices returns an empty hub.
func NewNotices() *Notices {
	return &Notices{
		erased:    func(consent.SubjectID) {},
		ended:     make(chan struct{}),
		listeners: map[consent.SubjectID]map[chan api.Notice]struct{}{},
	}
}

// Close ends every stream, and each that comes later at once.
func (n *Notices) Close() { n.end.Do(func() { close(n.ended) }) }

// Use tells of a use that is on record; it is a uses.Config.Notify.
func (n *Notices) Use(u uses.Use, r uses.Receipt) {
	n.tell(u.Handle, api.Notice{Kind: "use", Seq: r.UseSeq})
}

// Event tells of a message that is in force; it is a replica.Config.OnEvent.
func (n *Notices) Event(ev network.Event) {
	if ev.Event.Type == "Erase" {
		n.mu.Lock()
		erased := n.erased
		n.mu.Unlock()
		erased(ev.Event.Handle)
	}
	n.tell(ev.Event.Handle, api.Notice{Kind: "ledger", Seq: ev.Event.Seq})
}

// onErase sets what is told of erasures.
func (n *Notices) onErase(f func(consent.SubjectID)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.erased = f
}

func (n *Notices) tell(h consent.SubjectID, what api.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for ch := range n.listeners[h] {
		select {
		case ch <- what:
		default:
		}
	}
}

// maxListeners is how many streams one subject may have open.
const maxListeners = 8

func (n *Notices) listen(h consent.SubjectID) (ch chan api.Notice, stop func(), ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.listeners[h]) >= maxListeners {
		return nil, nil, false
	}
	if n.listeners[h] == nil {
		n.listeners[h] = map[chan api.Notice]struct{}{}
	}
	ch = make(chan api.Notice, 64)
	n.listeners[h][ch] = struct{}{}
	return ch, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.listeners[h], ch)
		if len(n.listeners[h]) == 0 {
			delete(n.listeners, h)
		}
	}, true
}

// stream sends notices as server-sent events until the client goes, the session ends or the role is lost. The credential is
// looked at again before each word that is sent.
func (g *Gateway) stream(c *gin.Context) {
	p := principal(c)
	if !p.May(consent.ScopeView) {
		problem(c, consent.Unauthorized, "your delegation does not cover this")
		return
	}
	ch, stop, ok := g.cfg.Notices.listen(p.Handle)
	if !ok {
		problem(c, api.RateLimited, "too many streams are open")
		return
	}
	defer stop()
	rc := http.NewResponseController(c.Writer)
	if err := rc.SetReadDeadline(time.Time{}); err != nil { // else the server takes the end of the read timeout for a client that went
		refuse(c, err)
		return
	}
	c.Header("Content-Type", "text/event-stream")
	c.Status(http.StatusOK)
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	text := ": volens\n\n"
	for {
		if err := send(c, rc, text); err != nil {
			return
		}
		var more bool
		if text, more = g.next(c.Request.Context(), ch, alive.C); !more {
			return
		}
		now, err := g.cfg.Auth.Still(c.Request)
		if err != nil || now.Handle != p.Handle || !now.May(consent.ScopeView) {
			return
		}
	}
}

// send writes a piece of a stream before a deadline of its own.
func send(c *gin.Context, rc *http.ResponseController, text string) error {
	if err := rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := c.Writer.WriteString(text); err != nil {
		return err
	}
	return rc.Flush()
}

// next waits for what a stream says next: a notice, or a sign of life. It returns false when the stream ends.
func (g *Gateway) next(ctx context.Context, ch <-chan api.Notice, alive <-chan time.Time) (string, bool) {
	select {
	case <-ctx.Done():
	case <-g.cfg.Notices.ended:
	case n := <-ch:
		b, err := json.Marshal(n)
		return fmt.Sprintf("event: %s\ndata: %s\n\n", n.Kind, b), err == nil
	case <-alive:
		return ": alive\n\n", true
	}
	return "", false
}
