// Package bundle is the stage that sets the commit of a Git source of a ResourceBundle, and waits until the bundle is Ready with it. All
// requests are made as the ServiceAccount of the Pipeline. The annotation that requests a reconcile carries the key of the attempt and the
// commit that it set; setting the same commit a second time changes nothing.
package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// Role is the ClusterRole that the ServiceAccount needs in its namespace.
	Role = "kubeops-pipeline-bundles"
	// missingRetry is when to look again for a bundle that does not exist or is suspended.
	missingRetry = 10 * time.Second
	// maxQuote of a message of the API server, in characters.
	maxQuote = 300
	// maxPrevious is the length of the state from before a stage: more would be cut off where it is stored.
	maxPrevious = 1024
	// reasonApplying of a bundle that is not Ready yet.
	reasonApplying = "ApplyingBundle"
)

// Driver sets revisions. All fields are required.
type Driver struct {
	// Accounts acts as the ServiceAccounts of tenants.
	Accounts impersonate.Source
	// Client has the scheme and the REST mapper of the clients of these accounts. It sends no request.
	Client client.Client
}

// before is the state of a bundle before a stage.
type before struct {
	// Refs of the sources that were set, in their order; one if all had the same.
	Refs []*v1alpha1.GitRef `json:"refs"`
	// Revision that was applied, of the first of them.
	Revision string `json:"revision,omitempty"`
}

// decode the state from before a stage; false if it cannot be read.
func decode(previous string) (was before, ok bool) {
	err := json.Unmarshal([]byte(previous), &was)
	return was, err == nil && len(was.Refs) > 0
}

// refAt is the reference of the n-th source.
func refAt(refs []*v1alpha1.GitRef, n int) *v1alpha1.GitRef { return refs[min(n, len(refs)-1)] }

// unreadable is the observation of an attempt whose state from before cannot be read.
func unreadable() pipeline.Observation {
	return pipeline.Observation{State: pipeline.Lost, Message: "the state from before the stage cannot be read"}
}

// client of the ServiceAccount.
func (d *Driver) client(attempt pipeline.Attempt) (client.Client, error) {
	config, err := d.Accounts.As(attempt.Namespace, attempt.ServiceAccount)
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: d.Client.Scheme(), Mapper: d.Client.RESTMapper()})
}

func keyOf(attempt pipeline.Attempt) client.ObjectKey {
	return client.ObjectKey{Namespace: attempt.Namespace, Name: attempt.Stage.Bundle.BundleRef.Name}
}

// read the bundle, and the repository of the stage in it.
func (d *Driver) read(ctx context.Context, attempt pipeline.Attempt) (client.Client, *v1alpha1.ResourceBundle, string, error) {
	const field = "bundle.bundleRef.name"
	key := keyOf(attempt)
	if err := names.Object(field, "ResourceBundle", key.Name); err != nil {
		return nil, nil, "", err
	}
	c, err := d.client(attempt)
	if err != nil {
		return nil, nil, "", err
	}
	found := &v1alpha1.ResourceBundle{}
	err = c.Get(ctx, key, found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil, "", problem.Waiting(v1alpha1.ReasonBundleNotFound, missingRetry,
			"ResourceBundle %s does not exist; create it, or correct %s", key, field)
	case err != nil:
		return nil, nil, "", toProblem(attempt, "get", err)
	case found.Spec.Suspend:
		return nil, nil, "", problem.Waiting(v1alpha1.ReasonSuspended, missingRetry,
			"ResourceBundle %s is suspended; to resume it, remove its spec.suspend", key)
	case found.Spec.Mode == v1alpha1.BundlePlan:
		return nil, nil, "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"ResourceBundle %s has spec.mode Plan, which applies nothing; set Apply", key)
	}
	repository, err := repositoryOf(attempt.Stage.Bundle, found)
	return c, found, repository, err
}

// repositoryOf a stage: the one that it names, or the only one of the bundle.
func repositoryOf(stage *v1alpha1.BundleStage, found *v1alpha1.ResourceBundle) (string, error) {
	var urls []string
	for _, from := range found.Spec.ManifestsFrom {
		if from.Git != nil && !slices.Contains(urls, from.Git.URL) {
			urls = append(urls, from.Git.URL)
		}
	}
	switch {
	case stage.Repository != "" && slices.Contains(urls, stage.Repository):
		return stage.Repository, nil
	case stage.Repository != "":
		return "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"ResourceBundle %s/%s has no Git source with the URL of bundle.repository; correct one of them", found.Namespace, found.Name)
	case len(urls) == 1:
		return urls[0], nil
	}
	return "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
		"ResourceBundle %s/%s has Git sources with %d URLs; set bundle.repository to one of spec.manifestsFrom[].git.url", found.Namespace,
		found.Name, len(urls))
}

// sources of a repository, by their place in the spec.
func sources(found *v1alpha1.ResourceBundle, repository string) (list []int) {
	for i, from := range found.Spec.ManifestsFrom {
		if from.Git != nil && from.Git.URL == repository {
			list = append(list, i)
		}
	}
	return list
}

// Check implements pipeline.Driver: the bundle has the source, and the ServiceAccount may change it.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	where := "stage " + attempt.Stage.Name
	if _, err := d.Accounts.Existing(ctx, attempt.Namespace, attempt.ServiceAccount, "the pipeline changes ResourceBundles with",
		"grant it the permission: "+string(grant(attempt))); err != nil {
		return problem.In(where, err)
	}
	c, found, repository, err := d.read(ctx, attempt)
	if err != nil {
		return problem.In(where, err)
	}
	probe := []*v1alpha1.GitRef{{Commit: "0000000000000000000000000000000000000000"}}
	return problem.In(where, set(ctx, c, attempt, attempt.Key, found, repository, probe, client.DryRunAll))
}

// Previous implements pipeline.Reverter.
func (d *Driver) Previous(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	_, found, repository, err := d.read(ctx, attempt)
	if err != nil {
		return "", err
	}
	content, err := json.Marshal(stateOf(found, repository))
	if err == nil && len(content) > maxPrevious {
		return "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the sources of ResourceBundle %s have too many different branches "+
			"and tags to be restored; use one bundle for each", keyOf(attempt))
	}
	return string(content), err
}

// stateOf the sources of a repository.
func stateOf(found *v1alpha1.ResourceBundle, repository string) before {
	list := sources(found, repository)
	was := before{Revision: applied(found, list[0])}
	different := false
	for _, i := range list {
		was.Refs = append(was.Refs, found.Spec.ManifestsFrom[i].Git.Ref)
		different = different || !same(was.Refs[0], found.Spec.ManifestsFrom[i].Git.Ref)
	}
	if !different {
		was.Refs = was.Refs[:1]
	}
	return was
}

// applied is the revision of a source; empty if unknown.
func applied(found *v1alpha1.ResourceBundle, source int) string {
	for _, s := range found.Status.Sources {
		if s.Source == fmt.Sprintf("manifestsFrom[%d]", source) {
			return s.Revision
		}
	}
	return ""
}

// Start implements pipeline.Driver. Its handle is the commit.
func (d *Driver) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	revision := attempt.Values[v1alpha1.OutputRevision]
	if !isCommit(revision) {
		return "", problem.UserError(v1alpha1.ReasonInvalidParameter, nil,
			"bundle.revision %s is not the full hash of a commit", names.Quote(revision))
	}
	c, found, repository, err := d.read(ctx, attempt)
	if err != nil {
		return "", err
	}
	return revision, set(ctx, c, attempt, request(attempt.Key, revision), found, repository, []*v1alpha1.GitRef{{Commit: revision}})
}

// isCommit reports whether a text is the full hash of a commit.
func isCommit(text string) bool {
	const digits = 40
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}

// request is the value of the annotation by which an attempt requests a reconcile with a commit.
func request(key, commit string) string { return key + "@" + commit }

// requested is the commit that an attempt set, if its request is the last one.
func requested(found *v1alpha1.ResourceBundle, key string) (commit string, is bool) {
	return strings.CutPrefix(v1alpha1.RequestOf(found), request(key, ""))
}

// set the references of the sources of a repository, and request a reconcile. The bundle must be as it was read.
func set(
	ctx context.Context, c client.Client, attempt pipeline.Attempt, request string, found *v1alpha1.ResourceBundle, repository string,
	refs []*v1alpha1.GitRef, options ...client.PatchOption,
) error {
	changed := found.DeepCopy()
	for n, i := range sources(changed, repository) {
		changed.Spec.ManifestsFrom[i].Git.Ref = refAt(refs, n).DeepCopy()
	}
	metav1.SetMetaDataAnnotation(&changed.ObjectMeta, v1alpha1.AnnotationRequestedAt, request)
	patch := client.MergeFromWithOptions(found, client.MergeFromWithOptimisticLock{})
	return toProblem(attempt, "patch", c.Patch(ctx, changed, patch, options...))
}

// Find implements pipeline.Driver: the request of the attempt is in the bundle. If someone has requested another reconcile since, the
// attempt sets its commit again.
func (d *Driver) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	_, found, _, err := d.read(ctx, attempt)
	if err != nil {
		return pipeline.Lookup{}, err
	}
	commit, is := requested(found, attempt.Key)
	if !is {
		return pipeline.Lookup{Presence: pipeline.Never}, nil
	}
	return pipeline.Lookup{Presence: pipeline.Found, Handle: commit}, nil
}

// Cancel implements pipeline.Driver. The bundle goes on: half of a revision is worse than all of it.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// grant is the command that gives the ServiceAccount what the stage needs.
func grant(attempt pipeline.Attempt) remedy.Words {
	return remedy.Command("kubectl -n %[1]s create rolebinding %[3]s-%[2]s --clusterrole=%[3]s --serviceaccount=%[1]s:%[2]s",
		attempt.Namespace, attempt.ServiceAccount, Role)
}

// toProblem describes an error of the API server.
func toProblem(attempt pipeline.Attempt, verb string, err error) error {
	if err == nil {
		return nil
	}
	prefix := fmt.Sprintf("cannot %s ResourceBundle %s", verb, keyOf(attempt))
	switch refused, impersonation := apierror.ImpersonationRefused(err); {
	case impersonation && refused.OfAccount():
		return impersonate.Refused(refused, attempt.Namespace, attempt.ServiceAccount)
	case impersonation:
		return problem.UserError(v1alpha1.ReasonImpersonationForbidden, nil, "%s: %s", prefix,
			refused.Message(attempt.Namespace, attempt.ServiceAccount))
	case apierrors.IsForbidden(err):
		return problem.UserError(v1alpha1.ReasonBundleForbidden, nil, "%s as ServiceAccount %s (%s). To grant it: %s", prefix,
			attempt.ServiceAccount, apierror.DescribeWithMessage(err, maxQuote), grant(attempt))
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s: %s", prefix, apierror.DescribeWithMessage(err, maxQuote))
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "%s (%s)", prefix, apierror.Describe(err))
}
