// Package models has strict fakes of language model servers, based on their documentation. They fail the test if a request would be
// rejected by the real server, or contains what must not be sent.
package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Key that the fakes require.
const Key = "correct-horse-battery"

// Name of the model that the fakes have.
const Name = "tiny-1"

// Turn is a question to a fake.
type Turn struct {
	System, User string
	Schema       json.RawMessage
	MaxTokens    int
	// Tools that may be called, by name, and the results of the calls so far.
	Tools, Results []string
}

// Call of a tool by a fake. Arguments are JSON.
type Call struct{ ID, Tool, Arguments string }

// Reply of a fake. The zero value is an empty answer.
type Reply struct {
	// Text of the answer.
	Text string
	// Calls of tools.
	Calls []Call
	// Status other than 200, with the error's code, parameter and message, and headers.
	Status               int
	Code, Param, Message string
	Header               http.Header
	// Raw is sent instead of a valid response.
	Raw []byte
	// Hang sends nothing until the client disconnects.
	Hang bool
	// CutOff is set if the answer reached its limit of tokens, Refusal if the model refused.
	CutOff  bool
	Refusal string
	// In and Out are the tokens that the server counts. Default: 100 and 50.
	In, Out int64
}

// Fake is a running server.
type Fake struct {
	t   testing.TB
	URL string

	mutex  sync.Mutex
	answer func(Turn) Reply
	asked  []Turn
	bodies []string
	// inFlight requests at present, and at the same time at most.
	inFlight, maxInFlight int
	strict                strictness
}

type strictness struct {
	key, organization string
	newTokens         bool
	noTemperature     bool
	jsonObject        bool
	proxied           bool
	withoutTools      bool
	context           int64
}

// Option of a fake.
type Option func(*strictness)

// WithoutKey requires that no key is sent.
func WithoutKey() Option { return func(s *strictness) { s.key = "" } }

// WithOrganization requires this organization.
func WithOrganization(name string) Option { return func(s *strictness) { s.organization = name } }

// NewParameters accepts max_completion_tokens only and rejects a temperature, as OpenAI's reasoning models do.
func NewParameters() Option {
	return func(s *strictness) { s.newTokens, s.noTemperature = true, true }
}

// JSONObject is a server without support for schemas.
func JSONObject() Option { return func(s *strictness) { s.jsonObject = true } }

// Proxied sends errors as LiteLLM does: without the parameter, which its message names.
func Proxied() Option { return func(s *strictness) { s.proxied = true } }

// WithoutTools rejects requests with tools, as servers do whose model cannot call them.
func WithoutTools() Option { return func(s *strictness) { s.withoutTools = true } }

// WithContext reports a context length.
func WithContext(n int64) Option { return func(s *strictness) { s.context = n } }

// Answer sets the replies from now on.
func (f *Fake) Answer(how func(Turn) Reply) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.answer = how
}

// Asked are the questions so far.
func (f *Fake) Asked() []Turn {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Clone(f.asked)
}

// Captured is the content of all requests so far.
func (f *Fake) Captured() string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return strings.Join(f.bodies, "\n")
}

// Most is the maximum of questions at the same time.
func (f *Fake) Most() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.maxInFlight
}

func start(t testing.TB, serve func(f *Fake, w http.ResponseWriter, r *http.Request, body []byte), options []Option) *Fake {
	f := &Fake{t: t, answer: func(Turn) Reply { return Reply{Text: `{"answer":"yes"}`} }, strict: strictness{key: Key}}
	for _, set := range options {
		set(&f.strict)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mutex.Lock()
		f.bodies = append(f.bodies, string(body))
		f.mutex.Unlock()
		f.check(r)
		serve(f, w, r, body)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	f.URL = server.URL
	return f
}

// check what is the same for every request.
func (f *Fake) check(r *http.Request) {
	want := ""
	if f.strict.key != "" {
		want = "Bearer " + f.strict.key
	}
	if got := r.Header.Get("Authorization"); got != want {
		f.t.Errorf("%s: the Authorization header is not the one that is expected (%d bytes)", r.URL.Path, len(got))
	}
	if got := r.Header.Get("OpenAI-Organization"); got != f.strict.organization {
		f.t.Errorf("%s: OpenAI-Organization is %q", r.URL.Path, got)
	}
	if got := r.Header.Get("User-Agent"); got != "kubeops" {
		f.t.Errorf("%s: User-Agent is %q", r.URL.Path, got)
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Stainless-") {
			f.t.Errorf("%s: %s is sent, which describes this machine", r.URL.Path, name)
		}
	}
	if r.URL.RawQuery != "" {
		f.t.Errorf("%s has parameters: %s", r.URL.Path, r.URL.RawQuery)
	}
}

// strictly rejects unknown fields.
func (f *Fake) strictly(r *http.Request, body []byte, into any) bool {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		f.t.Errorf("%s %s with Content-Type %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		f.t.Errorf("%s: %v in %s", r.URL.Path, err, body)
		return false
	}
	return true
}

// turn records a question and gets the reply.
func (f *Fake) turn(turn Turn) Reply {
	if turn.System == "" || turn.User == "" || turn.MaxTokens <= 0 {
		f.t.Errorf("a question without system, user or limit: %+v", turn)
	}
	f.mutex.Lock()
	f.asked = append(f.asked, turn)
	answer := f.answer
	f.inFlight++
	f.maxInFlight = max(f.maxInFlight, f.inFlight)
	f.mutex.Unlock()
	defer func() {
		f.mutex.Lock()
		f.inFlight--
		f.mutex.Unlock()
	}()
	reply := answer(turn)
	if reply.In == 0 {
		reply.In = 100
	}
	if reply.Out == 0 {
		reply.Out = 50
	}
	return reply
}

// odd sends replies that are not answers, and returns whether it did.
func (f *Fake) odd(w http.ResponseWriter, r *http.Request, reply Reply, failure func(Reply) any) bool {
	for name, values := range reply.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case reply.Hang:
		<-r.Context().Done()
	case reply.Raw != nil:
		if reply.Status != 0 {
			w.WriteHeader(reply.Status)
		}
		_, _ = w.Write(reply.Raw)
	case reply.Status != 0:
		w.WriteHeader(reply.Status)
		f.write(w, failure(reply))
	default:
		return false
	}
	return true
}

func (f *Fake) write(w io.Writer, value any) {
	if err := json.NewEncoder(w).Encode(value); err != nil {
		f.t.Logf("a fake model could not answer: %v", err)
	}
}

func (f *Fake) unexpected(w http.ResponseWriter, r *http.Request) {
	f.t.Errorf("an unexpected request: %s %s", r.Method, r.URL.Path)
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, "404 page not found")
}
