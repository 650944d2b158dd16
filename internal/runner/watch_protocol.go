package runner

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"

	"kubeops.io/kubeops/api/v1alpha1"
)

// A child that watches calls these methods beside Job and Started: Judged with each judgement, and Wanted, which returns once its parent
// wants something else than before.
const (
	methodJudged = serviceName + ".Judged"
	methodWanted = serviceName + ".Wanted"
)

// Wanted is what the parent of a child that watches wants from it.
type Wanted struct {
	// Previous is the name of the last report that was saved; empty without one.
	Previous string
	// Evidence counts the judgements with evidence that were asked for.
	Evidence int64
}

// Judgement of a cluster that is watched.
type Judgement struct {
	Report *v1alpha1.InspectionReport `json:",omitempty"`
	// Problem is why there is no report.
	Problem *Problem `json:",omitempty"`
	// For is what it was made for: it is compared with report For.Previous. With evidence if Evidence is set, as of For.Evidence.
	For      Wanted
	Evidence bool
	// Objects and Bytes are what the child keeps of the cluster.
	Objects int
	Bytes   int64
}

// Judged takes a judgement.
func (s *service) Judged(j Judgement, _ *None) error {
	if s.c.watched == nil || j.Report == nil && j.Problem == nil {
		return errors.New("a judgement needs a report or a problem, and a child that watches")
	}
	s.c.watched.judged(&j)
	return nil
}

// Wanted returns what the parent wants, once it differs from what the child knows.
func (s *service) Wanted(known Wanted, wanted *Wanted) (err error) {
	if s.c.watched == nil {
		return errors.New("the child does not watch")
	}
	*wanted, err = s.c.watched.await(s.c.ctx, known)
	return err
}

// boundedCodec bounds each request of a child, instead of the conversation, which has no end.
type boundedCodec struct {
	rpc.ServerCodec
	allowance *allowance
}

// ReadRequestHeader implements rpc.ServerCodec.
func (c boundedCodec) ReadRequestHeader(r *rpc.Request) error {
	c.allowance.left = maxRequest
	return c.ServerCodec.ReadRequestHeader(r)
}

// allowance ends a connection that delivers more bytes than it may before the next request.
type allowance struct {
	io.Reader
	left int64
}

// Read implements io.Reader.
func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, fmt.Errorf("the process sent a request of more than %d bytes", maxRequest)
	}
	n, err := a.Reader.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	return n, err
}
