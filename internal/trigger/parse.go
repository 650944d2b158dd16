package trigger

import (
	"bytes"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/stream"
)

// maxMemory of the decoded values of a delivery, in bytes.
const maxMemory = 4 << 20

// maxPaths is the length of all paths of changed files that are kept, in bytes: what patterns are matched with.
const maxPaths = 64 << 10

// maxGitLabCommits is how many commits a delivery of GitLab has at most.
const maxGitLabCommits = 20

// Headers with the kind of event and the id of a delivery, by source.
const (
	headerGitHubEvent    = "X-GitHub-Event"
	headerGitHubDelivery = "X-GitHub-Delivery"
	headerGitLabEvent    = "X-Gitlab-Event"
	headerGitLabDelivery = "X-Gitlab-Event-UUID"
	headerGiteaEvent     = "X-Gitea-Event"
	headerGiteaDelivery  = "X-Gitea-Delivery"
	headerDelivery       = "X-KubeOps-Delivery"
)

// commit of a delivery.
type commit struct {
	ID      string `json:"id" max:"512"`
	Message string `json:"message"`
	// Timestamp in RFC 3339.
	Timestamp string `json:"timestamp" max:"64"`
	Author    struct {
		Email string `json:"email" max:"512"`
	} `json:"author"`
	Added    []string `json:"added"`
	Removed  []string `json:"removed"`
	Modified []string `json:"modified"`
}

// push is the part of a delivery that is used, of all sources.
type push struct {
	Ref        string `json:"ref" max:"512"`
	Before     string `json:"before" max:"512"`
	After      string `json:"after" max:"512"`
	Repository struct {
		FullName string `json:"full_name" max:"512"`
	} `json:"repository"`
	HeadCommit *commit  `json:"head_commit"`
	Commits    []commit `json:"commits"`
	// TotalCommits of Gitea, and TotalCommitsCount of GitLab, may be more than are listed.
	TotalCommits      int64 `json:"total_commits"`
	TotalCommitsCount int64 `json:"total_commits_count"`
	Project           struct {
		PathWithNamespace string `json:"path_with_namespace" max:"512"`
	} `json:"project"`
}

// custom is the part of a delivery of a generic sender that is used.
type custom struct {
	Repository string   `json:"repository" max:"512"`
	Ref        string   `json:"ref" max:"512"`
	Before     string   `json:"before" max:"512"`
	Commit     string   `json:"commit" max:"512"`
	Message    string   `json:"message"`
	Paths      []string `json:"paths"`
}

// Parse reads a delivery that Verify accepted. Errors are problems of reason InvalidPayload, and quote nothing of the delivery.
func Parse(source v1alpha1.WebhookSource, header http.Header, body []byte) (*Event, error) {
	event := &Event{Source: source}
	var kind string
	switch source {
	case v1alpha1.WebhookGitHub:
		kind = header.Get(headerGitHubEvent)
		event.Delivery = header.Get(headerGitHubDelivery)
	case v1alpha1.WebhookGitLab:
		kind = header.Get(headerGitLabEvent)
		event.Delivery = header.Get(headerGitLabDelivery)
	case v1alpha1.WebhookGitea:
		kind = header.Get(headerGiteaEvent)
		event.Delivery = header.Get(headerGiteaDelivery)
	default:
		event.Delivery = header.Get(headerDelivery)
	}
	switch {
	case !validDelivery(event.Delivery, source == v1alpha1.WebhookGeneric):
		return nil, invalid("the id of the delivery is missing, longer than %d characters, or has other characters than letters, digits, "+
			"_, -, . and :", MaxDelivery)
	case !utf8.Valid(body):
		return nil, invalid("the body is not valid UTF-8")
	case source == v1alpha1.WebhookGeneric:
		return event, event.parseCustom(body)
	}
	switch kind {
	case "ping":
		event.Ping = true
		return event, nil
	case "push", "Push Hook", "Tag Push Hook":
		return event, event.parsePush(body)
	}
	return nil, invalid("the event is not a push; select push events in the settings of the webhook")
}

// validDelivery reports whether a text can be the id of a delivery. Only generic senders must have one.
func validDelivery(id string, required bool) bool {
	if id == "" {
		return !required
	}
	for _, c := range []byte(id) {
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !isLetter && c != '-' && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return len(id) <= MaxDelivery
}

// decode the body, which is one object.
func decode(body []byte, into any) error {
	d := stream.New(bytes.NewReader(body), stream.Limits{Memory: maxMemory})
	if kind, err := d.Kind(); err != nil || kind != stream.Object {
		return invalid("the body is not an object of JSON; select application/json in the settings of the webhook")
	}
	var limit *stream.LimitError
	switch err := d.Decode(into); {
	case errors.As(err, &limit):
		return invalid("the body has %s", limit)
	case err != nil:
		return invalid("the body is not JSON of a push")
	}
	if more, err := d.More(); more || err != nil {
		return invalid("the body has something after its object")
	}
	return nil
}

func (e *Event) parsePush(body []byte) error {
	var p push
	if err := decode(body, &p); err != nil {
		return err
	}
	if err := e.setRef(p.Ref); err != nil {
		return err
	}
	e.Repository = p.Repository.FullName
	if e.Source == v1alpha1.WebhookGitLab {
		e.Repository = p.Project.PathWithNamespace
	}
	e.setCommits(p.Before, p.After)
	if e.Deleted {
		return nil
	}
	if e.Repository == "" {
		return invalid("the body does not name the repository")
	}
	head := p.HeadCommit
	for i := range p.Commits {
		c := &p.Commits[i]
		if head == nil && c.ID == p.After {
			head = c
		}
		e.Paths = append(append(append(e.Paths, c.Added...), c.Removed...), c.Modified...) // not one copy of all for each commit
	}
	if head != nil {
		e.Message = head.Message
		e.Email = head.Author.Email
		if at, err := time.Parse(time.RFC3339, head.Timestamp); err == nil {
			e.CommitTime = at
		}
	}
	listed := int64(len(p.Commits))
	e.AllPaths = listed > 0 && listed >= p.TotalCommits && listed >= p.TotalCommitsCount && e.Before != "" &&
		(e.Source != v1alpha1.WebhookGitLab || listed < maxGitLabCommits)
	e.boundPaths()
	return nil
}

// boundPaths drops the paths beyond maxPaths. The list is not complete then.
func (e *Event) boundPaths() {
	total := 0
	for i, path := range e.Paths {
		if total += len(path) + 1; total > maxPaths {
			e.Paths = e.Paths[:i]
			e.AllPaths = false
			return
		}
	}
}

func (e *Event) parseCustom(body []byte) error {
	var c custom
	if err := decode(body, &c); err != nil {
		return err
	}
	e.Repository = c.Repository
	e.Message = c.Message
	e.Paths = c.Paths
	e.AllPaths = c.Paths != nil
	e.boundPaths()
	if c.Ref == "" {
		e.Type = v1alpha1.EventCustom
		e.Commit = c.Commit
		return nil
	}
	if err := e.setRef(c.Ref); err != nil {
		return err
	}
	e.setCommits(c.Before, c.Commit)
	return nil
}
