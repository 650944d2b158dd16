package bundle

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

// maxLines of a diagnosis.
const maxLines = 19

// Get implements pipeline.Driver.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, revision string) (pipeline.Observation, error) {
	was, ok := decode(attempt.Previous)
	if !ok {
		return unreadable(), nil
	}
	o, err := d.observe(ctx, attempt, []*v1alpha1.GitRef{{Commit: revision}})
	if o.State == pipeline.Succeeded {
		o.Outputs = map[string]string{v1alpha1.OutputRevision: revision, v1alpha1.OutputPreviousRevision: was.Revision}
	}
	return o, err
}

// observe whether the bundle is Ready with references.
func (d *Driver) observe(ctx context.Context, attempt pipeline.Attempt, refs []*v1alpha1.GitRef) (pipeline.Observation, error) {
	_, found, repository, err := d.read(ctx, attempt)
	if p := problem.As(err); p != nil && p.Action == problem.UserMustAct {
		return pipeline.Observation{State: pipeline.Failed, Reason: p.Reason, Message: p.Message}, nil
	}
	if err != nil {
		return pipeline.Observation{}, err
	}
	return judge(found, repository, refs), nil
}

// judge the state of a bundle.
func judge(found *v1alpha1.ResourceBundle, repository string, refs []*v1alpha1.GitRef) pipeline.Observation {
	name := fmt.Sprintf("ResourceBundle %s/%s", found.Namespace, found.Name)
	applying := func(format string, args ...any) pipeline.Observation {
		return pipeline.Observation{Reason: reasonApplying, Message: name + " " + fmt.Sprintf(format, args...)}
	}
	for n, i := range sources(found, repository) {
		if !same(found.Spec.ManifestsFrom[i].Git.Ref, refAt(refs, n)) {
			return pipeline.Observation{
				State: pipeline.Failed, Reason: v1alpha1.ReasonBundleChanged,
				Message: fmt.Sprintf("someone else changed spec.manifestsFrom[%d].git.ref of %s after the stage; look at its managedFields",
					i, name),
			}
		}
	}
	ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
	handled := found.Status.LastHandledRequest == v1alpha1.RequestOf(found)
	if ready == nil || found.Status.ObservedGeneration != found.Generation || ready.ObservedGeneration != found.Generation || !handled {
		return applying("has not been reconciled with the revision")
	}
	if meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionStalled) {
		return pipeline.Observation{
			State: pipeline.Failed, Reason: v1alpha1.ReasonBundleNotReady, Diagnosis: describe(found),
			Message: name + " is not Ready: " + outcome.Explanation(found.Status.Conditions),
		}
	}
	for n, i := range sources(found, repository) {
		if ref := refAt(refs, n); ref != nil && ref.Commit != "" && applied(found, i) != ref.Commit {
			return applying("has not read the revision: %s", sourceMessage(found, i))
		}
	}
	if ready.Status != metav1.ConditionTrue {
		return applying("is not Ready (%s): %s", found.Status.ReadyClusters, outcome.Explanation(found.Status.Conditions))
	}
	return pipeline.Observation{State: pipeline.Succeeded, Message: name + " is Ready in " + found.Status.ReadyClusters + " clusters"}
}

// same reports whether two references lead to the same.
func same(a, b *v1alpha1.GitRef) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// sourceMessage is why a source could not be read.
func sourceMessage(found *v1alpha1.ResourceBundle, source int) string {
	for _, s := range found.Status.Sources {
		if s.Source == fmt.Sprintf("manifestsFrom[%d]", source) && s.Message != "" {
			return s.Message
		}
	}
	return "it has another one"
}

// describe the clusters that are not ready, and their objects.
func describe(found *v1alpha1.ResourceBundle) (lines []string) {
	for _, c := range found.Status.Clusters {
		if c.Ready || len(lines) >= maxLines {
			continue
		}
		lines = append(lines, fmt.Sprintf("cluster %s: %s: %s", c.Name, c.Reason, c.Message))
		for _, o := range c.Objects {
			if len(lines) < maxLines {
				lines = append(lines, fmt.Sprintf("  %s %s: %s", o.Kind, objectName(o), o.Message))
			}
		}
	}
	return lines
}

func objectName(o v1alpha1.BundleObject) string {
	if o.Namespace == "" {
		return o.Name
	}
	return o.Namespace + "/" + o.Name
}
