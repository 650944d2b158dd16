package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/dashboard/explore"
)

const (
	pathLive = "/api/v1/live"
	// protocol of the socket.
	protocol = "kubeops.live.v1"
	// topicOverview sends the overview, and what else changed.
	topicOverview = "overview"

	heartbeat = 15 * time.Second
	// flushInterval is the shortest time between two messages of a topic.
	flushInterval = 200 * time.Millisecond
	// defaultRecheckInterval of the permissions of a subscription.
	defaultRecheckInterval = 30 * time.Second
	// writeTimeout after which a viewer that does not read is disconnected.
	writeTimeout = 10 * time.Second
	// maxMessage from a viewer, in bytes.
	maxMessage = 64 << 10
	// maxSubscriptions of one socket.
	maxSubscriptions = 32
)

// operation is a message from the page.
type operation struct {
	Op    string `json:"op"`
	ID    int    `json:"id"`
	Topic string `json:"topic"`
	// Of topics rows and log.
	Resource  string `json:"resource"`
	Namespace string `json:"namespace"`
	Q         string `json:"q"`
	Sort      string `json:"sort"`
	Window    [2]int `json:"window"`
	Name      string `json:"name"`
	Container string `json:"container"`
	Previous  bool   `json:"previous"`
	Tail      int    `json:"tail"`
	Since     string `json:"since"`
}

// liveMessage to the page. Type is hello, snap, diff, log, tick or end.
type liveMessage struct {
	Type      string    `json:"t"`
	ID        int       `json:"id,omitempty"`
	Build     string    `json:"build,omitempty"`
	Server    string    `json:"server,omitempty"`
	Heartbeat int       `json:"heartbeat,omitempty"`
	Cursor    string    `json:"cursor,omitempty"`
	At        int64     `json:"at,omitempty"`
	Overview  *Overview `json:"overview,omitempty"`
	Changed   []Change  `json:"changed,omitempty"`
	Rows      *liveRows `json:"rows,omitempty"`
	Lines     []LogLine `json:"lines,omitempty"`
	Dropped   int       `json:"dropped,omitempty"`
	Problem   *ended    `json:"problem,omitempty"`
	Retry     bool      `json:"retry,omitempty"`
}

// ended says why a subscription, or with id 0 the socket, ended.
type ended struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"` // revoked, gone, unavailable, expired or unknown
}

// connection is one socket. One goroutine reads, and one writes and owns the state.
type connection struct {
	server *Server
	viewer Viewer
	socket *websocket.Conn
	topics []int // ids of subscriptions to the overview
	feed   *subscriber
	scopes []scope
	cursor int
	last   time.Time // of the last flush
	holder *explore.Holder
	rows   map[int]*rowsTopic
	logs   map[int]*logTopic
	logged chan struct{} // new lines
}

// live serves the socket. The library refuses a foreign Origin.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	found := identityOf(r.Context())
	release, ok := s.sockets.acquire(found.viewer.key())
	if !ok {
		writeProblem(w, r, http.StatusTooManyRequests, "Too many open pages. Close some.")
		return
	}
	defer release()
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol}})
	if err != nil {
		return // it has answered
	}
	defer func() { _ = socket.CloseNow() }()
	if socket.Subprotocol() != protocol {
		_ = socket.Close(websocket.StatusPolicyViolation, "the subprotocol must be "+protocol)
		return
	}
	socket.SetReadLimit(maxMessage)
	holder, err := s.holder(found.viewer)
	if err != nil {
		_ = socket.Close(websocket.StatusInternalError, "the configuration of the dashboard is not valid")
		return
	}
	c := &connection{
		server: s, viewer: found.viewer, socket: socket, feed: newSubscriber(found.viewer), holder: holder, rows: map[int]*rowsTopic{},
		logs: map[int]*logTopic{}, logged: make(chan struct{}, 1),
	}
	defer c.close()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	c.serve(ctx, cancel, found.expires)
}

func (c *connection) serve(ctx context.Context, cancel context.CancelFunc, expires time.Time) {
	operations := make(chan operation)
	go func() {
		defer cancel()
		c.read(ctx, operations)
	}()
	err := c.send(ctx, liveMessage{
		Type: "hello", Build: c.server.assets.build(), Server: c.server.now().Format(time.RFC3339), Heartbeat: int(heartbeat.Seconds()),
	})
	ticks := time.NewTicker(heartbeat)
	defer ticks.Stop()
	rechecks := time.NewTicker(c.server.recheckInterval)
	defer rechecks.Stop()
	var expiry <-chan time.Time
	if !expires.IsZero() {
		timer := time.NewTimer(time.Until(expires))
		defer timer.Stop()
		expiry = timer.C
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case op := <-operations:
			err = c.handle(ctx, op)
		case <-c.feed.wake:
			err = c.flush(ctx)
		case <-c.holder.Changed():
			err = c.flushRows(ctx)
		case <-c.logged:
			err = c.flushLogs(ctx)
		case <-ticks.C:
			err = c.send(ctx, liveMessage{Type: "tick", At: c.server.now().UnixMilli()})
		case <-rechecks.C:
			err = c.recheck(ctx)
		case <-expiry:
			_ = c.send(ctx, end(0, http.StatusUnauthorized, "expired", "The session has ended. Sign in again.", false))
			_ = c.socket.Close(websocket.StatusNormalClosure, "expired")
			return
		}
	}
}

// read decodes operations until the page is gone.
func (c *connection) read(ctx context.Context, operations chan<- operation) {
	for {
		kind, content, err := c.socket.Read(ctx)
		if err != nil {
			return
		}
		var op operation
		if kind != websocket.MessageText || json.Unmarshal(content, &op) != nil {
			_ = c.socket.Close(websocket.StatusPolicyViolation, "a message must be a JSON object")
			return
		}
		select {
		case operations <- op:
		case <-ctx.Done():
			return
		}
	}
}

func (c *connection) handle(ctx context.Context, op operation) error {
	switch {
	case op.Op == "unsub":
		c.leave(op.ID)
		return nil
	case !c.server.requests.allow(c.viewer.key()): // an operation costs as much as a request
		c.leave(op.ID)
		return c.send(ctx, end(op.ID, http.StatusTooManyRequests, "unavailable", errTooMany{}.Error(), true))
	case op.Op == "window" && c.rows[op.ID] != nil:
		return c.move(ctx, op)
	case op.Op != "sub":
		return c.send(ctx, end(op.ID, http.StatusUnprocessableEntity, "unknown", "Operations: sub, window, unsub.", false))
	case op.ID <= 0 || c.has(op.ID) || len(c.topics)+len(c.rows)+len(c.logs) >= maxSubscriptions:
		return c.send(ctx, end(op.ID, http.StatusUnprocessableEntity, "unknown", "An id is a new positive number; at most 32 are open.",
			false))
	}
	c.server.options.Logger.Info("Subscription", "user", c.viewer.User, "topic", op.Topic, "resource", op.Resource,
		"namespace", op.Namespace, "name", op.Name, "container", op.Container, "search", op.Q)
	switch op.Topic {
	case topicRows:
		return c.subscribeRows(ctx, op)
	case topicLog:
		return c.subscribeLog(ctx, op)
	case topicOverview:
		if err := c.subscribe(ctx); err != nil {
			return c.send(ctx, end(op.ID, http.StatusBadGateway, "unavailable", "The API server: "+apierror.Describe(err)+".", true))
		}
		c.topics = append(c.topics, op.ID)
		return c.overview(ctx, "snap", []int{op.ID}, nil)
	}
	return c.send(ctx, end(op.ID, http.StatusUnprocessableEntity, "unknown", "Topics: "+strings.Join(topics(), ", ")+".", false))
}

// topics that a page can subscribe to.
func topics() []string { return []string{topicOverview, topicRows, topicLog} }

// has reports whether an id is in use.
func (c *connection) has(id int) bool {
	return slices.Contains(c.topics, id) || c.rows[id] != nil || c.logs[id] != nil
}

// leave a topic.
func (c *connection) leave(id int) {
	if topic := c.rows[id]; topic != nil {
		topic.view.Close()
		delete(c.rows, id)
	}
	if topic := c.logs[id]; topic != nil {
		topic.stop()
		delete(c.logs, id)
	}
	if i := slices.Index(c.topics, id); i >= 0 {
		if c.topics = slices.Delete(c.topics, i, i+1); len(c.topics) == 0 {
			c.unsubscribe()
		}
	}
}

// close leaves all topics.
func (c *connection) close() {
	for id := range c.rows {
		c.leave(id)
	}
	for id := range c.logs {
		c.leave(id)
	}
	c.unsubscribe()
}

// subscribe joins the watches of everything that the viewer can list and watch, and leaves the others.
func (c *connection) subscribe(ctx context.Context) error {
	wanted, err := c.server.watchable(ctx, c.viewer)
	if err != nil {
		return err
	}
	for _, at := range c.scopes {
		if !slices.Contains(wanted, at) {
			c.server.hub.leave(at, c.feed)
			c.feed.changed(Change{Resource: at.resource}) // what is shown of it must go
		}
	}
	for _, at := range wanted {
		if !slices.Contains(c.scopes, at) {
			c.server.hub.join(at, c.feed)
			if len(c.scopes) > 0 {
				c.feed.changed(Change{Resource: at.resource})
			}
		}
	}
	c.scopes = wanted
	return nil
}

func (c *connection) unsubscribe() {
	for _, at := range c.scopes {
		c.server.hub.leave(at, c.feed)
	}
	c.scopes = nil
	c.feed = newSubscriber(c.viewer)
}

// recheck reads the permissions of the viewer again.
func (c *connection) recheck(ctx context.Context) error {
	if err := errors.Join(c.recheckRows(ctx), c.recheckLogs(ctx)); err != nil || len(c.topics) == 0 {
		return err
	}
	if err := c.subscribe(ctx); err != nil {
		return c.unavailable(ctx, err)
	}
	return nil
}

// flush sends what changed, as the newest state.
func (c *connection) flush(ctx context.Context) error {
	if err := c.pause(ctx); err != nil {
		return err
	}
	changes, lost := c.feed.take()
	switch {
	case lost != nil:
		return c.unavailable(ctx, lost)
	case len(changes) == 0 || len(c.topics) == 0:
		return nil
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return c.overview(ctx, "diff", c.topics, changes)
}

// pause until the next message can be sent.
func (c *connection) pause(ctx context.Context) error {
	if wait := flushInterval - time.Since(c.last); wait > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	c.last = time.Now()
	return nil
}

// unavailable ends all subscriptions to the overview. The page subscribes again after a while.
func (c *connection) unavailable(ctx context.Context, reason error) error {
	topics := c.topics
	c.topics = nil
	c.unsubscribe()
	for _, id := range topics {
		detail := "The API server: " + apierror.Describe(reason) + "."
		if err := c.send(ctx, end(id, http.StatusBadGateway, "unavailable", detail, true)); err != nil {
			return err
		}
	}
	return nil
}

// overview reads the overview as the viewer, and sends it.
func (c *connection) overview(ctx context.Context, kind string, topics []int, changes []Change) error {
	readCtx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	view, err := c.server.overview(readCtx, c.viewer)
	if err != nil {
		return c.unavailable(ctx, err)
	}
	c.cursor++
	for _, id := range topics {
		err := c.send(ctx, liveMessage{
			Type: kind, ID: id, Cursor: "c" + strconv.Itoa(c.cursor), At: c.server.now().UnixMilli(), Overview: &view, Changed: changes,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *connection) send(ctx context.Context, message liveMessage) error {
	content, err := json.Marshal(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = c.socket.Write(ctx, websocket.MessageText, content)
	if errors.Is(err, context.DeadlineExceeded) {
		c.server.options.Logger.Info("Socket closed: the page does not read", "user", c.viewer.User)
	}
	return err
}

func end(id, status int, code, detail string, retry bool) liveMessage {
	return liveMessage{Type: "end", ID: id, Problem: &ended{status, http.StatusText(status), detail, code}, Retry: retry}
}
