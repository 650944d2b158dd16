package pipeline

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/text"
	"kubeops.io/kubeops/internal/trigger"
)

const (
	// pollTimeout of a request to a Git server. It takes a slot of the controller.
	pollTimeout = 10 * time.Second
	// nextPoll is when to poll the next repository of a Pipeline.
	nextPoll = 100 * time.Millisecond
	// maxOwnCommits are the last commits of a branch among which one of a person is looked for.
	maxOwnCommits = 30
)

// repositories opens the repositories of triggers. Credentials are read as the ServiceAccount of the Pipeline.
type repositories struct{ *environment.Environment }

// open a repository. The caller closes it.
func (r repositories) open(ctx context.Context, p *v1alpha1.Pipeline, of *v1alpha1.PipelineTrigger) (*gitrepo.Repository, error) {
	field := "trigger " + of.Name + ": git."
	fields := provider.Fields{URL: field + "repository", Auth: field + "secretRef"}
	secrets := r.Backends.Secrets.For(p.Namespace, p.Spec.Account())
	remote := gitrepo.Remote{URL: of.Git.Repository, Fields: fields}
	if of.Git.SecretRef != nil {
		var err error
		if remote, err = gitrepo.Login(ctx, secrets, of.Git.Repository, *of.Git.SecretRef, fields); err != nil {
			return nil, err
		}
	}
	options := gitrepo.Options{
		Egress: r.Backends.Egress, Metrics: r.Backends.Telemetry, Timeout: pollTimeout,
		Redact: func(text string) string { return r.Redact(secrets.Hide(text)) },
	}
	if r.Backends.Memory != nil {
		options.Memory = r.Backends.Memory.For(p.Namespace)
	}
	return gitrepo.Open(remote, options)
}

// polled is a trigger whose repository was polled.
type polled struct {
	pipeline                 types.UID
	name, repository, branch string
}

// checkIntervals refuses triggers that poll more often than the configuration permits.
func (l *logic) checkIntervals(p *v1alpha1.Pipeline) error {
	for i := range p.Spec.Triggers {
		of := &p.Spec.Triggers[i]
		if of.Git == nil || l.limits.MinScheduleInterval <= 0 {
			continue
		}
		exceeded := limits.MinDuration("trigger "+of.Name+": git.interval", of.Git.Period(), l.limits.MinScheduleInterval,
			"limits.minScheduleInterval")
		if exceeded != nil {
			return exceeded
		}
	}
	return nil
}

// pollRepositories creates the runs of new commits, and returns when to poll next; zero without a trigger of type git. It polls one
// repository, the one that waits for the longest time, so that servers that hang take a slot from others for a short time only.
func (l *logic) pollRepositories(ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline]) time.Duration {
	p := s.Object
	var triggers []*v1alpha1.PipelineTrigger
	var keys []polled
	previous := p.Status.Repositories
	p.Status.Repositories = nil
	for i := range p.Spec.Triggers {
		of := &p.Spec.Triggers[i]
		if of.Git == nil {
			continue
		}
		triggers = append(triggers, of)
		keys = append(keys, polled{pipeline: p.UID, name: of.Name, repository: of.Git.Repository, branch: of.Git.Branch})
		state := v1alpha1.GitTriggerStatus{Name: of.Name}
		if at := slices.IndexFunc(previous, func(known v1alpha1.GitTriggerStatus) bool { return known.Name == of.Name }); at >= 0 {
			state = previous[at]
		}
		p.Status.Repositories = append(p.Status.Repositories, state)
	}
	if p.Spec.Suspend || len(triggers) == 0 {
		return 0
	}
	left := make([]time.Duration, len(triggers))
	for i, of := range triggers {
		left[i] = l.polls.left(s.Key(), keys[i], of.Git.Period(), s.Now)
	}
	if first := slices.Index(left, slices.Min(left)); left[first] <= 0 {
		l.polls.begin(s.Key(), keys[first], keys, s.Now)
		l.pollNow(ctx, s, triggers[first], &p.Status.Repositories[first])
		left[first] = triggers[first].Git.Period()
	}
	return max(slices.Min(left), nextPoll)
}

// pollNow polls the repository of a trigger. What goes wrong is in the state, and tried again after its interval.
func (l *logic) pollNow(
	ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline], of *v1alpha1.PipelineTrigger, state *v1alpha1.GitTriggerStatus,
) {
	err := l.poll(ctx, s, of, state)
	if err == nil {
		state.Reason, state.Message = "", ""
		return
	}
	p := problem.As(err)
	if p == nil {
		p = problem.Retrying(v1alpha1.ReasonRetrying, err, "the repository cannot be polled now")
	}
	state.Reason = p.Reason
	state.Message = text.Clip(p.Message, maxMessage)
}

// poll the branch of a trigger, and create the run of its commit if that was not handled before.
func (l *logic) poll(
	ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline], of *v1alpha1.PipelineTrigger, state *v1alpha1.GitTriggerStatus,
) error {
	p := s.Object
	repository, err := l.repositories.open(ctx, p, of)
	if err != nil {
		return err
	}
	defer repository.Close()
	tip, err := repository.Tip(ctx, of.Git.Branch)
	if err != nil {
		return err
	}
	if state.Revision == "" || state.Repository != of.Git.Repository || state.Branch != of.Git.Branch {
		state.Repository = of.Git.Repository
		state.Branch = of.Git.Branch
		state.Revision = tip
		return nil
	}
	if tip == state.Revision {
		return refusedBefore(state)
	}
	heads, err := newCommits(ctx, repository, of.Git.Branch)
	if err != nil {
		return err
	}
	head, err := lastOfPeople(heads, state.Revision)
	if err == nil && head.Revision != "" {
		err = l.createPolled(ctx, s, of, state, head)
	}
	if found := problem.As(err); err == nil || found != nil && found.Action == problem.UserMustAct {
		state.Revision = heads[0].Revision
	}
	return err
}

// newCommits reads the last commit of a branch. If a Pipeline made it, those below it follow: one of them can be of a person, who pushed it
// since the last poll.
func newCommits(ctx context.Context, repository *gitrepo.Repository, branch string) ([]gitrepo.Head, error) {
	heads, err := repository.Heads(ctx, branch, 1)
	if err != nil || trigger.CheckAuthor(heads[0].Message, heads[0].Email) == nil {
		return heads, err
	}
	more, err := repository.Heads(ctx, branch, maxOwnCommits)
	if found := problem.As(err); found != nil && found.Reason == v1alpha1.ReasonResponseTooLarge {
		return heads, nil
	}
	return more, err
}

// lastOfPeople is the newest commit above a revision that no Pipeline made. It is empty if there is no commit. Without one of a person, the
// error says so.
func lastOfPeople(heads []gitrepo.Head, since string) (last gitrepo.Head, refused error) {
	for _, head := range heads {
		if head.Revision == since {
			break
		}
		err := trigger.CheckAuthor(head.Message, head.Email)
		if err == nil {
			return head, nil
		}
		refused = err
	}
	return gitrepo.Head{}, refused
}

// refusedBefore repeats why the last commit created no run. The problem of an earlier poll is over.
func refusedBefore(state *v1alpha1.GitTriggerStatus) error {
	switch state.Reason {
	case v1alpha1.ReasonOwnCommit, v1alpha1.ReasonInvalidParameter, v1alpha1.ReasonInvalidExpression:
		return problem.UserError(state.Reason, nil, "%s", state.Message)
	}
	return nil
}

// createPolled creates the run of a commit. Its name is that of the commit: after a crash, it is there already.
func (l *logic) createPolled(
	ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline], of *v1alpha1.PipelineTrigger, state *v1alpha1.GitTriggerStatus,
	head gitrepo.Head,
) error {
	revision := head.Revision
	parameters, err := pipeline.TriggerParameters(ctx, l.expressions, &s.Object.Spec, of, map[string]string{
		"type": string(v1alpha1.EventPush), "source": string(v1alpha1.TriggerGit), "repository": of.Git.Repository,
		"ref": "refs/heads/" + of.Git.Branch, "branch": of.Git.Branch, "commit": revision,
	})
	if err != nil {
		return err
	}
	name := trigger.Name(s.Object.Name, string(s.Object.UID), of.Name, of.Git.Repository, of.Git.Branch, revision)
	if err := l.createRun(ctx, s, of, name, parameters, head.Time); err != nil {
		return err
	}
	state.LastRun = name
	return nil
}
