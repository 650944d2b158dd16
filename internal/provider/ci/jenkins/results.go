package jenkins

import (
	"context"
	"net/http"
	"net/url"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

const (
	// maxStages is the limit of the contract.
	maxStages = 100
	// maxMilliseconds of a duration: a century.
	maxMilliseconds = 100 * 365 * 24 * 3600 * 1000
)

// buildURL for people. It is below the URL of the spec: what the server believes to be its own may be wrong.
func (p *Provider) buildURL(where located) string {
	return p.client.BaseURL() + (&url.URL{Path: where.buildPath()}).EscapedPath() + "/"
}

// stages of a Pipeline build; none if the server lacks the plugin pipeline-rest-api. Stages that an ended build did not reach are left out.
func (p *Provider) stages(ctx context.Context, where located, phase ci.Phase) ([]ci.Stage, error) {
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: "stages", Path: where.buildPath() + "/wfapi/describe", MaxBytes: provider.ListBytes,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if hidden(answer.Status) {
		return nil, nil
	}
	if answer.Status != http.StatusOK {
		return nil, p.client.Refused(answer)
	}
	described := stages{Stages: bounded[stage]{max: maxStages}}
	if err := answer.Decoder().Decode(&described); err != nil {
		return nil, p.client.DecodeProblem(err)
	}
	var list []ci.Stage
	for _, s := range described.Stages.list {
		one := ci.Stage{Name: clip(s.Name, maxReason), Phase: ci.Failed}
		switch s.Status {
		case "IN_PROGRESS":
			one.Phase = ci.Running
		case "PAUSED_PENDING_INPUT":
			one.Phase = ci.Running
			one.Paused = true
		case "SUCCESS":
			one.Phase = ci.Succeeded
		case "UNSTABLE":
			one.Phase = ci.Unstable
		case "ABORTED":
			one.Phase = ci.Aborted
		case "NOT_EXECUTED":
			if phase.Ended() {
				continue
			}
			one.Phase = ci.Queued
		}
		list = append(list, one)
	}
	return list, nil
}

// tests of an ended build, or nil if it has no report. Reports of several modules have a total instead of what passed.
func (p *Provider) tests(ctx context.Context, where located) (*ci.Tests, error) {
	var report tests
	got, err := p.read(ctx, "tests", where.buildPath()+"/testReport", "failCount,passCount,skipCount,totalCount", &report)
	if hidden(got.status) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	passed := max(0, report.Total-report.Fail-report.Skip)
	if report.Pass != nil {
		passed = *report.Pass
	}
	return &ci.Tests{Passed: max(0, passed), Failed: max(0, report.Fail), Skipped: max(0, report.Skip)}, nil
}
