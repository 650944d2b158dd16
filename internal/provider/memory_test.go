package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// grown opens a response and grows it.
func grown(t *testing.T, share *ResponseShare, mebibytes int64) *lease {
	t.Helper()
	l := share.open()
	if err := growTo(t.Context(), l, mebibytes<<20); err != nil {
		t.Fatal(err)
	}
	return l
}

func growTo(ctx context.Context, l *lease, bytes int64) error {
	for l.held < bytes {
		if err := l.grow(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestResponsesWaitForMemoryThatOthersHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewResponseMemory(8 << 20)
		first, second := grown(t, m.For("a"), 3), grown(t, m.For("b"), 3)
		third := m.For("c").open()
		done := make(chan error)
		go func() { done <- growTo(t.Context(), third, 4<<20) }()
		synctest.Wait()
		if used := m.InUse(); used > 8<<20 || third.held > 2<<20 {
			t.Errorf("%d bytes are in use, and %d of those that wait", used, third.held)
		}
		first.close()
		second.close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		third.close()
		third.close() // closing twice gives back once
		if used := m.InUse(); used != 0 || len(m.accounts) != 0 {
			t.Errorf("%d bytes are in use by %d tenants after all were closed", used, len(m.accounts))
		}
	})
}

func TestAResponseIsLimitedToTheShareOfItsTenant(t *testing.T) {
	t.Parallel()
	m := NewResponseMemory(8 << 20)
	l := m.For("a").open()
	err := growTo(t.Context(), l, 5<<20)
	if p := ToProblem(err, "server", Fields{}); p.Reason != v1alpha1.ReasonResponseTooLarge || !strings.Contains(p.Message, "4Mi") ||
		l.held != 4<<20 {
		t.Errorf("got %v after %d bytes", p, l.held)
	}
}

func TestResponsesOfOneTenantThatWaitForEachOtherDoNotStayStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewResponseMemory(8 << 20)
		one, two := grown(t, m.For("a"), 2), grown(t, m.For("a"), 2)
		done := make(chan error, 2)
		for _, l := range []*lease{one, two} {
			go func() {
				err := growTo(t.Context(), l, 3<<20)
				l.close() // as a reader does after the end and after an error
				done <- err
			}()
		}
		refused, taken := <-done, <-done
		if p := ToProblem(refused, "server", Fields{}); p.Reason != v1alpha1.ReasonResponseTooLarge || taken != nil {
			t.Errorf("got %v and %v, want one that is refused", p, taken)
		}
	})
}

func TestARequestEndsWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewResponseMemory(8 << 20)
		grown(t, m.For("a"), 4)
		grown(t, m.For("b"), 4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l := m.For("c").open()
		err := l.grow(ctx)
		p := ToProblem(err, "server", Fields{})
		if p.Reason != v1alpha1.ReasonTimeout || !strings.Contains(p.Message, "backends.responseMemory") ||
			!errors.Is(err, context.DeadlineExceeded) || len(m.queue) != 0 {
			t.Errorf("got %v, and %d wait", p, len(m.queue))
		}
	})
}

// A tenant that holds its whole share for ever leaves the others what they need, one after the other.
func TestATenantWhoseResponsesNeverEndDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewResponseMemory(8 << 20)
		grown(t, m.For("hostile"), 4)
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				l := m.For(fmt.Sprint("tenant-", i%25)).open()
				defer l.close()
				if err := growTo(t.Context(), l, 1<<20); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if used := m.InUse(); used != 4<<20 {
			t.Errorf("%d bytes are in use", used)
		}
	})
}

// A tenant that holds memory opens another response. What it may need then must have been there from the start.
func TestTenantsThatOpenAnotherResponseDoNotBlockEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewResponseMemory(8 << 20)
		grown(t, m.For("hostile"), 4)
		var group sync.WaitGroup
		all := make(chan struct{})
		for i := range 10 {
			share := m.For(fmt.Sprint("tenant-", i))
			first := share.open()
			group.Go(func() {
				defer first.close()
				if err := growTo(t.Context(), first, grant); err != nil {
					t.Error(err)
				}
				<-all
				second := share.open()
				if err := growTo(t.Context(), second, 1<<20); err != nil {
					t.Error(err)
				}
				second.close()
			})
		}
		synctest.Wait() // all have what they can get
		close(all)
		group.Wait()
	})
}

// Two requests of each of many tenants hold one response while they read another.
func TestRequestsThatNeedTwoResponsesAtATimeAllEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewResponseMemory(8 << 20)
		var group sync.WaitGroup
		for i := range 40 {
			share := m.For(fmt.Sprint("tenant-", i))
			group.Go(func() {
				outer := share.open()
				defer outer.close()
				if err := growTo(t.Context(), outer, 1<<20); err != nil {
					t.Error(err)
					return
				}
				inner := share.open()
				if err := growTo(t.Context(), inner, 1<<20+1<<19); err != nil {
					t.Error(err)
				}
				inner.close()
				if err := growTo(t.Context(), outer, 1<<20+1<<19); err != nil {
					t.Error(err)
				}
				if used := m.InUse(); used > m.Limit() {
					t.Errorf("%d bytes are in use", used)
				}
			})
		}
		group.Wait()
	})
}

func TestTheClientTakesMemoryForBodiesAndGivesItBack(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/small" {
			_, _ = io.WriteString(w, `{"status":"ok"}`)
			return
		}
		_ = http.NewResponseController(w).Flush() // without a length
		_, _ = io.Copy(w, io.LimitReader(zeros{}, size))
	}))
	t.Cleanup(server.Close)
	m := NewResponseMemory(8 << 20)
	client := func(tenant string) *Client {
		c, err := NewClient(Endpoint{URL: server.URL}, Options{
			Type: "test", Egress: Egress{AllowLoopback: true}, Memory: m.For(tenant), Limits: Limits{Timeout: 200 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	read := func(c *Client, path string) (*Answer, error) {
		answer, err := c.Do(t.Context(), Request{Operation: "read", Path: path, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return answer, err
	}
	a, errA := read(client("a"), "/large")
	b, errB := read(client("b"), "/large")
	if used := m.InUse(); errA != nil || errB != nil || used < 2*(size-uncounted) {
		t.Errorf("%d bytes are in use after two responses: %v, %v", used, errA, errB)
	}
	// What is small does not wait, and what is large waits no longer than its request.
	if _, err := read(client("c"), "/small"); err != nil {
		t.Error(err)
	}
	answer, err := client("c").Do(t.Context(), Request{Operation: "read", Path: "/large"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonTimeout {
		t.Errorf("got %v", err)
	}
	for _, open := range []*Answer{a, b, answer} {
		_ = open.Body.Close()
	}
	if used := m.InUse(); used != 0 {
		t.Errorf("%d bytes are in use after all were closed", used)
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

func TestAnOperationHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, `{"status":"`+strings.Repeat("x", ProbeBytes)+`"}`)
	}))
	t.Cleanup(server.Close)
	c, err := NewClient(Endpoint{URL: server.URL}, Options{Type: "test", Egress: Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, path := range []string{"/length", "/chunked"} {
		var answer struct{ Status string }
		err := c.JSON(t.Context(), Request{Operation: "probe", Path: path, MaxBytes: ProbeBytes}, &answer)
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonResponseTooLarge {
			t.Errorf("%s: got %v", path, err)
		}
		if err := c.JSON(t.Context(), Request{Operation: "list", Path: path, MaxBytes: ListBytes}, &answer); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestProblemsNameTheLimitOfAResponse(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"/deep":   `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
		"/name":   `{"` + strings.Repeat("x", 100_000) + `":1}`,
		"/memory": `{"list":[` + strings.Repeat(`{},`, 100_000) + `{}]}`,
		"/large":  strings.Repeat(" ", ProbeBytes+1), "/chunked": strings.Repeat(" ", ProbeBytes+1),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			w.Header().Set("Content-Length", strconv.Itoa(ProbeBytes+1))
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("x", maxHeader))
		}
		_, _ = io.WriteString(w, bodies[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	c, err := NewClient(Endpoint{URL: server.URL}, Options{Type: "test", Egress: Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for path, want := range map[string]string{
		"/deep": "nests more than 128 objects", "/name": "field name of more than 64Ki", "/memory": "more than 2Mi of memory",
		"/large": "over the size limit of 1Mi", "/chunked": "over the size limit of 1Mi", "/header": "header of the response of",
	} {
		var answer struct{ List []struct{ A, B, C, D string } }
		err := c.JSON(t.Context(), Request{Operation: "probe", Path: path, MaxBytes: ProbeBytes}, &answer)
		if p := problem.As(err); p == nil || !strings.Contains(p.Message, want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}
