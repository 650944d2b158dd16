// Package trigger decides what a delivery of a webhook means for a trigger of a Pipeline: whether it is authentic, what happened, whether
// the trigger selects it, and the name of its run. It knows no server and no Kubernetes client. Deliveries are input of strangers: nothing
// of them is parsed before Verify accepts them, and everything that is kept is bounded.
package trigger

import (
	"fmt"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// MaxBody is the size of a delivery, in bytes.
	MaxBody = 1 << 20
	// MaxDelivery is the length of the id of a delivery, in characters.
	MaxDelivery = 128
)

// Event is what a delivery says happened.
type Event struct {
	Type   v1alpha1.WebhookEvent
	Source v1alpha1.WebhookSource
	// Delivery is its id.
	Delivery string
	// Repository by its full name.
	Repository string
	// Ref that was pushed, such as refs/heads/main, and the branch or tag in it.
	Ref    string
	Branch string
	Tag    string
	// Before and Commit are what the ref was and is. Commit is empty for a ref that was deleted.
	Before string
	Commit string

	// Ping is a delivery that only tests the webhook.
	Ping bool
	// Deleted is a ref that was deleted.
	Deleted bool
	// Message and Email of the author of the last commit; empty if unknown.
	Message string
	Email   string
	// CommitTime is when the last commit was made, as the sender has it; zero if unknown.
	CommitTime time.Time
	// Paths of the files that changed. AllPaths says that the list is complete.
	Paths    []string
	AllPaths bool
}

// Values of the variables of expressions, see pipeline.TriggerParameters; payload is the JSON of the delivery.
func (e *Event) Values(body []byte) map[string]string {
	return map[string]string{
		"type": string(e.Type), "source": string(e.Source), "delivery": e.Delivery, "repository": e.Repository, "ref": e.Ref,
		"branch": e.Branch, "tag": e.Tag, "commit": e.Commit, "payload": string(body),
	}
}

// setRef sets the ref, the event, and the branch or tag.
func (e *Event) setRef(ref string) error {
	e.Ref = ref
	var isBranch, isTag bool
	e.Branch, isBranch = strings.CutPrefix(ref, "refs/heads/")
	e.Tag, isTag = strings.CutPrefix(ref, "refs/tags/")
	switch {
	case isBranch && e.Branch != "":
		e.Type = v1alpha1.EventPush
		e.Tag = ""
	case isTag && e.Tag != "":
		e.Type = v1alpha1.EventTag
		e.Branch = ""
	default:
		return invalid("the ref is neither that of a branch nor that of a tag")
	}
	return nil
}

// setCommits sets what the ref was and is. A hash of zeros is none.
func (e *Event) setCommits(before, after string) {
	if strings.Trim(before, "0") != "" {
		e.Before = before
	}
	if strings.Trim(after, "0") != "" {
		e.Commit = after
	}
	e.Deleted = e.Commit == ""
}

// invalid is the problem of a delivery that is not one of its source.
func invalid(format string, args ...any) error {
	return problem.UserError(v1alpha1.ReasonInvalidPayload, nil, "%s", fmt.Sprintf(format, args...))
}
