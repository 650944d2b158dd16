package pipelinerun

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

// store keeps the spec that a run uses in a ControllerRevision, which is deleted with the run. Its name has the digest of the spec.
func (l *logic) store(ctx context.Context, run *v1alpha1.PipelineRun, spec *v1alpha1.PipelineSpec) error {
	digest, content, err := pipeline.SpecDigest(spec)
	if err != nil {
		return err
	}
	revision := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: run.Namespace, Name: revisionName(run, digest),
			Labels: map[string]string{v1alpha1.LabelPipelineRun: pipeline.Label(run.Name)},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion().String(), Kind: kindName, Name: run.Name, UID: run.UID,
			}},
		},
		Data: runtime.RawExtension{Raw: content}, Revision: 1,
	}
	if err := l.client.Create(ctx, revision); err != nil && !apierrors.IsAlreadyExists(err) {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot store the spec of the run (%s)", apierror.Describe(err))
	}
	run.Status.Revision = revision.Name
	run.Status.SpecDigest = digest
	return nil
}

// revisionName has the run's own UID, so that a later run of the same name has another one.
func revisionName(run *v1alpha1.PipelineRun, digest string) string {
	const digits = 10
	suffix := pipeline.Key(run.UID, "", 0) + "-" + strings.TrimPrefix(digest, "sha256:")[:digits]
	return run.Name[:min(len(run.Name), 253-len(suffix))] + suffix
}

// plan of a run in progress, from the spec that it stored.
func (l *logic) plan(ctx context.Context, run *v1alpha1.PipelineRun) (*pipeline.Plan, error) {
	key := client.ObjectKeyFromObject(run)
	l.mutex.Lock()
	known := l.plans[key]
	l.mutex.Unlock()
	if known.plan != nil && known.revision == run.Status.Revision {
		return known.plan, nil
	}
	revision := &appsv1.ControllerRevision{}
	err := l.reader.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: run.Status.Revision}, revision)
	switch {
	case apierrors.IsNotFound(err):
		return nil, problem.UserError(v1alpha1.ReasonRevisionNotFound, nil,
			"ControllerRevision %s, which has the spec of the run, was deleted; create another PipelineRun", run.Status.Revision)
	case err != nil:
		return nil, fmt.Errorf("read the spec of the run: %w", err)
	}
	spec := &v1alpha1.PipelineSpec{}
	if err := json.Unmarshal(revision.Data.Raw, spec); err != nil {
		return nil, problem.UserError(v1alpha1.ReasonRevisionNotFound, err,
			"ControllerRevision %s has no spec of a Pipeline", revision.Name)
	}
	digest, _, err := pipeline.SpecDigest(spec)
	if err != nil {
		return nil, err
	}
	if digest != run.Status.SpecDigest {
		return nil, problem.UserError(v1alpha1.ReasonRevisionNotFound, nil,
			"ControllerRevision %s was changed; create another PipelineRun", revision.Name)
	}
	plan, err := pipeline.NewPlan(spec)
	if err != nil {
		return nil, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.plans[key] = stored{revision: run.Status.Revision, plan: plan}
	return plan, nil
}
