package jenkins

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

// Describe implements ci.Provider: it asks the server for whom it takes the credentials, and for its load.
func (p *Provider) Describe(ctx context.Context) (ci.Description, error) {
	var description ci.Description
	began := p.clock.Now()
	user, got, err := p.whoAmI(ctx)
	if err != nil {
		return description, err
	}
	description.Latency = p.clock.Since(began)
	description.User = user
	if description.Version = got.version; description.Version == "" {
		if description.Version, err = p.hudson(ctx); err != nil {
			return description, err
		}
	}
	var root struct {
		QuietingDown bool `json:"quietingDown"`
	}
	if got, err = p.read(ctx, "root", "", "mode,quietingDown", &root); err != nil {
		return description, p.permission(err, got, "Overall/Read")
	}
	description.QuietingDown = root.QuietingDown
	waiting := queue{Items: bounded[item]{max: maxItems}}
	if got, err = p.read(ctx, "queue", "/queue", "items[id]{0,1001}", &waiting); err != nil {
		return description, p.permission(err, got, "Overall/Read")
	}
	description.Queued = len(waiting.Items.list)
	var nodes struct {
		Busy  int `json:"busyExecutors"`
		Total int `json:"totalExecutors"`
	}
	got, err = p.read(ctx, "computer", "/computer", "busyExecutors,totalExecutors", &nodes)
	if err != nil && !hidden(got.status) {
		return description, err
	}
	description.Executors, description.Busy = nodes.Total, nodes.Busy
	description.Capabilities, err = p.capabilities(ctx)
	return description, err
}

// hidden reports that a user may lack the permission to see something that is not necessary.
func hidden(status int) bool { return status == http.StatusForbidden || status == http.StatusNotFound }

// whoAmI is the name of the user that the credentials belong to. Servers without that page have the one of the user.
func (p *Provider) whoAmI(ctx context.Context) (string, reply, error) {
	var who struct {
		Name      string `json:"name" max:"256"`
		Anonymous bool   `json:"anonymous"`
	}
	got, err := p.read(ctx, "whoami", "/whoAmI", "name,anonymous", &who)
	if err == nil && !who.Anonymous && who.Name != "" && who.Name != "anonymous" {
		return clip(who.Name, maxShort), got, nil
	}
	if err == nil && (who.Anonymous || who.Name == "anonymous") {
		return "", got, p.anonymous()
	}
	if err == nil {
		return "", got, p.client.Invalid(nil)
	}
	if got.status != http.StatusNotFound {
		return "", got, err
	}
	var me struct {
		ID string `json:"id" max:"256"`
	}
	got, err = p.read(ctx, "me", "/me", "id", &me)
	switch {
	case err == nil && me.ID != "" && me.ID != "anonymous":
		return clip(me.ID, maxShort), got, nil
	case err == nil, got.status == http.StatusForbidden:
		return "", got, p.anonymous()
	}
	return "", got, err
}

func (p *Provider) anonymous() *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonAnonymous, nil,
		"%s ignores the credentials and treats the requests as those of an anonymous user; check that its security is "+
			"enabled, and that the "+
			"Secret has a user name and an API token of that user", p.client.Host())
}

// hudson is the version of a server without the header of Jenkins. Anything but Hudson is a problem.
func (p *Provider) hudson(ctx context.Context) (string, error) {
	answer, err := p.client.Do(ctx, provider.Request{Operation: "root", Path: "/", MaxBytes: provider.ProbeBytes, Prefix: true})
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	version := answer.Header.Get(hudsonHeader)
	if answer.Status != http.StatusOK || version == "" {
		return "", p.client.Invalid(nil)
	}
	return "Hudson " + clip(version, maxShort-len("Hudson ")), nil
}

// capabilities by the plugins of the server, sorted; none if the user cannot see plugins.
func (p *Provider) capabilities(ctx context.Context) ([]string, error) {
	var installed struct {
		Plugins bounded[plugin] `json:"plugins"`
	}
	installed.Plugins.max = maxItems
	got, err := p.read(ctx, "plugins", "/pluginManager", "plugins[shortName,active]{0,1000}", &installed)
	if err != nil && hidden(got.status) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	named := map[string]string{
		"pipeline-rest-api": "stages", "junit": "tests", "workflow-job": "pipelines", "workflow-multibranch": "branches",
	}
	var list []string
	for _, plugin := range installed.Plugins.list {
		if capability := named[plugin.Name]; plugin.Active && capability != "" && !slices.Contains(list, capability) {
			list = append(list, capability)
		}
	}
	slices.Sort(list)
	return list, nil
}

type plugin struct {
	Name   string `json:"shortName" max:"128"`
	Active bool   `json:"active"`
}

// permission names the permission that a user lacks, for a 403.
func (p *Provider) permission(err error, got reply, permission string) error {
	if got.status != http.StatusForbidden {
		return err
	}
	return problem.Retrying(v1alpha1.ReasonForbidden, nil, "%s denies the user %s access (403); grant the permission %s there",
		p.client.Host(), clip(p.user, maxShort), permission)
}

// refused is the problem of a status other than success, for a call about one job. Nothing was changed: credentials, permissions and jobs
// are for the user to fix.
func (p *Provider) refused(got reply, name, permission string) *problem.Problem {
	var found *problem.Problem
	switch got.status {
	case http.StatusForbidden:
		found = problem.As(p.permission(nil, got, permission+" for the job "+clip(name, maxReason)))
	case http.StatusNotFound:
		return problem.UserError(v1alpha1.ReasonJobNotFound, nil, "job %s is not on %s, or not visible to the user %s; check the name and "+
			"the permission Job/Read", clip(name, maxReason), p.client.Host(), clip(p.user, maxShort))
	default:
		found = p.client.RefusedStatus(got.status)
	}
	if got.status == http.StatusForbidden || got.status == http.StatusUnauthorized {
		found.Action = problem.UserMustAct
	}
	return found
}

// describeError is the problem of a read about one job.
func (p *Provider) describeError(err error, got reply, name string) error {
	switch got.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return p.refused(got, name, "Job/Read")
	}
	return err
}

// phaseOf the result of an ended build. Results that plugins invent count as failures.
func phaseOf(result string) ci.Phase {
	switch strings.ToUpper(result) {
	case "SUCCESS":
		return ci.Succeeded
	case "UNSTABLE":
		return ci.Unstable
	case "ABORTED":
		return ci.Aborted
	}
	return ci.Failed
}

// at is a time in milliseconds since 1970; zero for one that cannot be.
func at(milliseconds int64) time.Time {
	const year3000 = 32503680000000
	if milliseconds <= 0 || milliseconds > year3000 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds)
}
