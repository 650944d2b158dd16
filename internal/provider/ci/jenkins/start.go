package jenkins

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

// busyRetry is when to try again a job that builds.
const busyRetry = 15 * time.Second

// Start implements ci.Provider. It reads the parameters that the job declares first, since Jenkins drops others silently.
func (p *Provider) Start(ctx context.Context, request ci.Request) (ci.Started, error) {
	path, err := check(request)
	if err != nil {
		return ci.Started{}, err
	}
	var found job
	got, err := p.read(ctx, "job", path, jobTree, &found)
	if err != nil {
		return ci.Started{}, p.describeError(err, got, request.Job)
	}
	marked, err := p.accepts(&found, request)
	if err != nil {
		return ci.Started{}, err
	}
	form := url.Values{}
	for name, value := range request.Parameters {
		form.Set(name, value)
	}
	started := handle{Job: request.Job, Session: got.session, Since: p.sinceOf(request)}
	if marked {
		form.Set(Marker, request.Key)
		started.Key = request.Key
	}
	call := "/buildWithParameters"
	if len(found.declared()) == 0 {
		call = "/build"
	}
	// Without a delay of zero an item waits for the quiet period, 5 seconds by default.
	got, err = p.post(ctx, "trigger", path+call, url.Values{"delay": {"0sec"}}, form)
	if err != nil {
		return ci.Started{}, err
	}
	return p.triggered(ctx, started, path, got)
}

func (p *Provider) sinceOf(request ci.Request) int64 {
	if request.Claimed.IsZero() {
		return p.clock.Now().Unix()
	}
	return request.Claimed.Unix()
}

// check a request without the server.
func check(request ci.Request) (path string, err error) {
	if path, err = jobPath(request.Job); err != nil {
		return "", err
	}
	if len(request.Key) > maxKey || !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(request.Key) {
		return "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"the key of a build must have letters, digits, dots, dashes and underscores only, at most %d", maxKey)
	}
	for _, name := range slices.Sorted(maps.Keys(request.Parameters)) {
		switch name {
		case Marker, "delay", "token", "cause":
			// Jenkins takes these for settings of the call, wherever they stand in it.
			return "", problem.UserError(v1alpha1.ReasonInvalidParameter, nil, "the parameter %s is reserved; rename it in the job", name)
		}
	}
	return path, nil
}

// Check implements ci.Checker.
func (p *Provider) Check(ctx context.Context, request ci.Request) error {
	path, err := check(request)
	if err != nil {
		return err
	}
	var found job
	got, err := p.read(ctx, "job", path, jobTree, &found)
	if err != nil {
		return p.describeError(err, got, request.Job)
	}
	_, err = p.declares(&found, request)
	return err
}

// accepts reports whether the job takes the marker. A job that does not take all that the request has is a problem.
func (p *Provider) accepts(found *job, request ci.Request) (marked bool, err error) {
	if marked, err = p.declares(found, request); err != nil {
		return false, err
	}
	name := clip(request.Job, maxReason)
	declared := found.declared()
	for _, parameter := range slices.Sorted(maps.Keys(request.Parameters)) {
		definition := declared[parameter]
		if definition.Type == "ChoiceParameterDefinition" && len(definition.Choices) > 0 &&
			!slices.Contains(definition.Choices, request.Parameters[parameter]) {
			return false, problem.UserError(v1alpha1.ReasonInvalidParameter, nil,
				"the value of parameter %s is not one of the %d choices that job %s declares", clip(parameter, maxShort),
				len(definition.Choices), name)
		}
	}
	if !marked && (found.InQueue || (found.LastBuild != nil && found.LastBuild.Building)) {
		return false, busy(name)
	}
	return marked, nil
}

// declares reports whether the job declares the marker. One that does not declare all parameters of the request is a problem.
func (p *Provider) declares(found *job, request ci.Request) (marked bool, err error) {
	name := clip(request.Job, maxReason)
	switch {
	case found.Buildable == nil:
		return false, problem.UserError(v1alpha1.ReasonNotAJob, nil,
			"%s is a folder or a project with branches, which cannot be built; name a job in it, such as %s/main", name, name)
	case !*found.Buildable:
		return false, problem.UserError(v1alpha1.ReasonJobDisabled, nil, "job %s is disabled; enable it", name)
	}
	declared := found.declared()
	_, marked = declared[Marker]
	if !marked && !request.AllowUnmarked {
		return false, problem.UserError(v1alpha1.ReasonMarkerParameterMissing, nil, "job %s does not declare the string parameter %s, by "+
			"which its builds are identified; declare it in the job or its Jenkinsfile", name, Marker)
	}
	for _, parameter := range slices.Sorted(maps.Keys(request.Parameters)) {
		if _, is := declared[parameter]; !is {
			return false, problem.UserError(v1alpha1.ReasonParameterMissing, nil,
				"job %s does not declare the parameter %s, so Jenkins would ignore its value; declare it, or remove the value", name,
				clip(parameter, maxShort))
		}
	}
	return marked, nil
}

func busy(name string) *problem.Problem {
	return problem.Waiting(v1alpha1.ReasonJobBusy, busyRetry,
		"job %s has a build that waits or runs, and without the parameter %s a second "+
			"one cannot be distinguished from it", name, Marker)
}

// triggered reads the answer to a trigger.
func (p *Provider) triggered(ctx context.Context, started handle, path string, got reply) (ci.Started, error) {
	started.Queue = queueID(got.location)
	name := clip(started.Job, maxReason)
	switch {
	case got.status == http.StatusCreated || got.status == http.StatusOK:
		if started.Queue == 0 && started.Key == "" {
			return ci.Started{}, p.unconfirmed(name)
		}
		return ci.Started{Handle: started.encode()}, nil
	case got.status >= 300 && got.status < 400:
		return p.redirected(ctx, started, path)
	case got.status == http.StatusConflict:
		return ci.Started{}, problem.UserError(v1alpha1.ReasonJobDisabled, nil, "job %s is disabled (409); enable it", name)
	case got.status == http.StatusBadRequest:
		return ci.Started{}, problem.UserError(v1alpha1.ReasonInvalidParameter, nil,
			"%s rejected the parameters of job %s (400); compare them with those that the job declares", p.client.Host(), name)
	case got.status == http.StatusMethodNotAllowed:
		return ci.Started{}, problem.UserError(v1alpha1.ReasonNotAJob, nil, "%s cannot be built (405); name a job", name)
	}
	return ci.Started{}, p.refused(got, started.Job, "Job/Build")
}

// redirected reads a redirect: to an equal item of the queue, whose it may be, or to the job, from Hudson or by a refusal.
func (p *Provider) redirected(ctx context.Context, started handle, path string) (ci.Started, error) {
	name := clip(started.Job, maxReason)
	if started.Queue > 0 {
		found, got, err := p.item(ctx, started.Queue)
		switch {
		case err != nil:
			return ci.Started{}, err
		case found != nil && started.Key != "" && found.Mark.Key == started.Key:
			started.Session = got.session
			return ci.Started{Handle: started.encode()}, nil
		case started.Key == "":
			return ci.Started{}, busy(name)
		}
	}
	if started.Key == "" {
		return ci.Started{}, p.unconfirmed(name)
	}
	result, err := p.search(ctx, wanted{handle: started, path: path})
	if err != nil {
		return ci.Started{}, err
	}
	if result.presence != ci.Found {
		return ci.Started{}, p.unconfirmed(name)
	}
	return ci.Started{Handle: result.handle.encode()}, nil
}

func (p *Provider) unconfirmed(name string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonTriggerUnknown, nil, "%s did not confirm that it triggered a build of job %s", p.client.Host(),
		name)
}

// queueID in the location of a queue's item, or 0. Only the number counts: the host is what the server believes to be its own.
func queueID(location string) int64 {
	target, err := url.Parse(location)
	if err != nil {
		return 0
	}
	_, id, is := strings.Cut(strings.TrimSuffix(target.Path, "/"), "/queue/item/")
	number, err := strconv.ParseInt(id, 10, 64)
	if !is || err != nil || number < 0 {
		return 0
	}
	return number
}
