package trigger

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/problem"
)

// Select decides whether an event creates a run. The error is a problem with the reason why not.
func Select(spec *v1alpha1.WebhookTrigger, event *Event) error {
	events := spec.Events
	if len(events) == 0 {
		events = []v1alpha1.WebhookEvent{v1alpha1.EventPush, v1alpha1.EventCustom}
	}
	not := func(reason, text string) error { return problem.UserError(reason, nil, "%s", text) }
	switch {
	case event.Ping:
		return not(v1alpha1.ReasonNotSelected, "a test of the webhook arrived")
	case event.Deleted:
		return not(v1alpha1.ReasonRefDeleted, "the branch or tag was deleted")
	case !slices.Contains(events, event.Type):
		return not(v1alpha1.ReasonNotSelected, "events does not have "+string(event.Type))
	case event.Type == v1alpha1.EventPush && len(spec.Branches) > 0 && !matches(spec.Branches, event.Branch):
		return not(v1alpha1.ReasonNotSelected, "no pattern of branches matches the branch")
	case event.Type == v1alpha1.EventTag && len(spec.Tags) > 0 && !matches(spec.Tags, event.Tag):
		return not(v1alpha1.ReasonNotSelected, "no pattern of tags matches the tag")
	}
	if err := CheckAuthor(event.Message, event.Email); err != nil {
		return err
	}
	if event.Type == v1alpha1.EventPush && len(spec.Paths) > 0 && matchesNone(spec.Paths, event) {
		return not(v1alpha1.ReasonNotSelected, "no pattern of paths matches a changed file")
	}
	return nil
}

// CheckAuthor refuses a commit of a Pipeline by its message and the email of its author: a Pipeline that commits to the repository that
// starts it would start forever.
func CheckAuthor(message, email string) error {
	if gitrepo.Marker(message) != "" || email == v1alpha1.DefaultCommitEmail {
		return problem.UserError(v1alpha1.ReasonOwnCommit, nil,
			"the last commit of the push is one of a Pipeline, which would start the next one forever")
	}
	return nil
}

// maxMatching bounds the work for one delivery: the length of all patterns times that of all paths. It takes a tenth of a second.
const maxMatching = 32 << 20

// matchesNone reports whether no pattern matches a changed file. Of a push with more files than can be matched, and of one that does not
// list all, it is not known.
func matchesNone(patterns []string, event *Event) bool {
	if !event.AllPaths {
		return false
	}
	length := 0
	for _, pattern := range patterns {
		length += len(pattern) + 1
	}
	work := 0
	for _, path := range event.Paths {
		if work += length * (len(path) + 1); work > maxMatching || matches(patterns, path) {
			return false
		}
	}
	return true
}

// matches reports whether a pattern with * and ? matches a name. Both match a slash, too.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, name) })
}

// match in time that grows with the product of both lengths at most: after a mismatch, only the last * is extended.
func match(pattern, name string) bool {
	p := 0
	n := 0
	star := -1
	from := 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star = p
			from = n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			from++
			n = from
			p = star + 1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// maxPrefix is how much of the name of the Pipeline is in the names of its runs.
const maxPrefix = 40

// RunName of an event: always the same for a commit that became the tip of a ref after the same one, by whichever delivery it is reported,
// and for a delivery without a commit. The UID is that of the Pipeline.
func RunName(pipeline string, uid types.UID, trigger string, event *Event) string {
	parts := []string{string(uid), trigger, event.Repository, event.Ref, event.Before, event.Commit}
	if event.Ref == "" || event.Commit == "" {
		parts = append(parts, event.Delivery)
	}
	return Name(pipeline, parts...)
}

// Name of a run of a Pipeline that is derived from what started it.
func Name(pipeline string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	prefix := strings.TrimRight(pipeline[:min(len(pipeline), maxPrefix)], "-.")
	return prefix + "-" + hex.EncodeToString(sum[:])[:12]
}
