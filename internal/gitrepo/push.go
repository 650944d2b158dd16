package gitrepo

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/text"
)

// maxQuote of what a server says, in characters.
const maxQuote = 200

// push moves a branch from one commit to the next, which is never forced: the server compares. It returns errMoved if the branch is
// elsewhere.
func (r *Repository) push(ctx context.Context, branch string, from, to plumbing.Hash, pack []byte) error {
	service, tip, err := r.start(ctx, receivePack, branch)
	if err != nil {
		return err
	}
	defer service.close()
	if tip != from {
		return errMoved
	}
	request := packp.NewReferenceUpdateRequest()
	request.Commands = []*packp.Command{{Name: plumbing.NewBranchReferenceName(branch), Old: from, New: to}}
	request.Packfile = io.NopCloser(bytes.NewReader(pack))
	offered := service.advertised().Capabilities
	if !offered.Supports(capability.ReportStatus) {
		return problem.UserError(v1alpha1.ReasonInvalidResponse, nil,
			"%s does not report the result of a push (capability report-status), which KubeOps needs", r.wire.host())
	}
	wanted := []capability.Capability{capability.ReportStatus}
	banded := offered.Supports(capability.Sideband64k)
	if banded {
		wanted = append(wanted, capability.Sideband64k)
	}
	for _, c := range wanted {
		if err := request.Capabilities.Set(c); err != nil {
			return err
		}
	}
	var body bytes.Buffer
	if err := request.Encode(&body); err != nil {
		return err
	}
	answer, err := service.call(ctx, body.Bytes(), provider.ProbeBytes)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	said := &lines{}
	var report io.Reader = answer
	if banded {
		demuxer := sideband.NewDemuxer(sideband.Sideband64k, answer)
		demuxer.Progress = said
		report = demuxer
	}
	status := packp.NewReportStatus()
	if err := status.Decode(report); err != nil {
		return r.broken("the report of the push", err)
	}
	return r.judge(branch, status, said.String())
}

// judge the report of a push.
func (r *Repository) judge(branch string, report *packp.ReportStatus, said string) error {
	if report.UnpackStatus != "ok" {
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s could not store the commit: %s", r.wire.host(),
			r.quote(report.UnpackStatus))
	}
	if len(report.CommandStatuses) == 0 {
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s did not report the result of the push", r.wire.host())
	}
	status := report.CommandStatuses[0].Status
	switch {
	case status == "ok":
		return nil
	case isMoved(status):
		return errMoved
	}
	line := r.quote(status)
	if said != "" {
		line += ": " + firstLines(said, r.options.Redact)
	}
	return problem.UserError(v1alpha1.ReasonPushDeclined, nil,
		"%s declined the push to branch %s: %s. Permit it for these credentials, or use another branch", r.wire.host(), branch, line)
}

// isMoved reports whether a server refused a push because another one was first. Sources: builtin/receive-pack.c and refs.c of Git, and
// the messages of hosts.
func isMoved(status string) bool {
	for _, phrase := range []string{
		"non-fast-forward", "fetch first", "failed to update ref", "failed to lock", "cannot lock ref", "unable to lock", "stale info",
		"incorrect old value", "reference already exists", "but expected",
	} {
		if strings.Contains(status, phrase) {
			return true
		}
	}
	return false
}

// quote what a server says.
func (r *Repository) quote(said string) string { return firstLines(said, r.options.Redact) }

// firstLines are the first lines of what a server says, on one line, without secrets.
func firstLines(said string, redact func(string) string) string {
	const count = 3
	var kept []string
	for line := range strings.FieldsFuncSeq(said, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(strings.TrimPrefix(line, "remote:")); line != "" && len(kept) < count {
			kept = append(kept, line)
		}
	}
	return text.Clip(redact(strings.Join(kept, " ")), maxQuote)
}
