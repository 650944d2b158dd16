// Package jenkins starts and follows builds of Jenkins by its REST API, with an API token. A build is identified by the value of its
// parameter KUBEOPS_RUN: ids of the queue are given again after a crash, and two equal triggers become one build. Redirects are never
// followed: Jenkins answers a trigger with them. The behaviour is that of Jenkins 2.579; older ones, down to Hudson 3, work with less.
package jenkins

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

// Marker is the parameter that carries the key of a request.
const Marker = "KUBEOPS_RUN"

// Headers of Jenkins' REST API. The session changes at every start of the server.
const (
	versionHeader = "X-Jenkins"
	sessionHeader = "X-Jenkins-Session"
	hudsonHeader  = "X-Hudson"
)

// Provider is a client of one server.
type Provider struct {
	client *provider.Client
	user   string
	clock  clock.PassiveClock
	// noRanges is set once a server has rejected a range in a tree expression.
	noRanges atomic.Bool
}

var (
	_ ci.Provider = (*Provider)(nil)
	_ ci.Checker  = (*Provider)(nil)
	_ ci.Definer  = (*Provider)(nil)
)

// Close closes idle connections.
func (p *Provider) Close() { p.client.Close() }

// reply is what the header of an answer tells.
type reply struct {
	status            int
	version, session  string
	location          string
	now               time.Time
	textSize, hasMore string
}

func replyOf(answer *provider.Answer) reply {
	h := answer.Header
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Time{}
	}
	return reply{
		status: answer.Status, version: clip(h.Get(versionHeader), maxShort), session: clip(h.Get(sessionHeader), maxShort),
		location: h.Get("Location"), now: now, textSize: h.Get("X-Text-Size"), hasMore: h.Get("X-More-Data"),
	}
}

// read sends a GET for the fields of a tree expression, and decodes a 200 into a value. Any other status is a problem; the reply has it.
func (p *Provider) read(ctx context.Context, operation, path, tree string, into any) (reply, error) {
	if p.noRanges.Load() {
		tree = withoutRanges(tree)
	}
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: operation, Path: path + "/api/json", Query: url.Values{"tree": {tree}}, MaxBytes: provider.ListBytes,
	})
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	got := replyOf(answer)
	switch {
	case got.status == http.StatusOK:
		if err := answer.Decoder().Decode(into); err != nil {
			return got, p.client.DecodeProblem(err)
		}
		return got, nil
	case got.status == http.StatusInternalServerError && got.version == "" && withoutRanges(tree) != tree:
		// Servers before ranges existed call them malformed.
		p.noRanges.Store(true)
		_ = answer.Body.Close()
		return p.read(ctx, operation, path, tree, into)
	}
	return got, p.client.Refused(answer)
}

func withoutRanges(tree string) string {
	return regexp.MustCompile(`\{\d+,\d+\}`).ReplaceAllString(tree, "")
}

// post sends a POST and returns the answer's header, whatever its status. The body is dropped.
func (p *Provider) post(ctx context.Context, operation, path string, query, form url.Values) (reply, error) {
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: operation, Method: http.MethodPost, Path: path, Query: query, Form: form, MaxBytes: provider.ProbeBytes, Prefix: true,
	})
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	return replyOf(answer), nil
}

// jobPath is the path of a job by its full name, such as shop/cart/feature%2Fx for the branch feature/x of a multibranch project. The
// client escapes it once more. The characters that Jenkins rejects in names are refused: a server may read them as something else.
func jobPath(name string) (string, error) {
	const maxName = 400 // bytes, so that a handle fits its limit
	invalid := func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`?*\!@#$^&|<>[]:;"`, r) }
	bad := name == "" || len(name) > maxName || strings.ContainsFunc(name, invalid)
	var path strings.Builder
	for segment := range strings.SplitSeq(name, "/") {
		bad = bad || segment == "" || segment == "." || segment == ".."
		path.WriteString("/job/" + segment)
	}
	if bad {
		return "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"the name of the job is not valid: write its full name, at most %d bytes, with / between folders, such as shop/cart/main",
			maxName)
	}
	return path.String(), nil
}

// handle is a ci.Handle, decoded.
type handle struct {
	Job string `json:"job"`
	// Key in the marker; empty for a job without it.
	Key string `json:"key,omitempty"`
	// Build is the number of the build, once it is known.
	Build int64 `json:"build,omitempty"`
	// Queue is the id of the queue's item, which is valid in one session only.
	Queue   int64  `json:"queue,omitempty"`
	Session string `json:"session,omitempty"`
	// Since is when the key was claimed, or the build triggered. Times are in Unix seconds.
	Since int64 `json:"since,omitempty"`
	// Missing is when the build was in neither list for the first time.
	Missing int64 `json:"missing,omitempty"`
	// Means of the last Cancel, and when it was used for the first time.
	Means   string `json:"means,omitempty"`
	MeansAt int64  `json:"meansAt,omitempty"`
}

// maxHandle is the limit of the contract, in bytes.
const maxHandle = 1024

func (h handle) encode() ci.Handle {
	content, _ := json.Marshal(h) // strings and numbers have no errors
	return ci.Handle(content)
}

func decodeHandle(from ci.Handle) (h handle, path string, err error) {
	if len(from) > maxHandle || json.Unmarshal([]byte(from), &h) != nil || h.Build < 0 || h.Queue < 0 {
		return h, "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the handle of the build is not one of this type of server")
	}
	path, err = jobPath(h.Job)
	return h, path, err
}

// since is when a build of the handle can have begun at the earliest; zero if that is not known.
func (h handle) since() time.Time {
	if h.Since == 0 {
		return time.Time{}
	}
	return time.Unix(h.Since, 0)
}
