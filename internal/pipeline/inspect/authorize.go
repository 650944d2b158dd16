package inspect

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/access"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

// Role is the ClusterRole that permits to request runs of Inspections.
const Role = "kubeops-pipeline-inspections"

// authorize asks whether the ServiceAccount of the Pipeline may get and patch the Inspection, which the manager itself reads and patches.
func (d *Driver) authorize(ctx context.Context, attempt pipeline.Attempt) error {
	name := attempt.Stage.Inspect.InspectionRef.Name
	for _, verb := range []string{"get", "patch"} {
		allowed, err := access.Allowed(ctx, d.Client, attempt, authorizationv1.ResourceAttributes{
			Namespace: attempt.Namespace, Verb: verb, Group: v1alpha1.Group, Resource: "inspections", Name: name,
		})
		if err != nil {
			return err
		}
		if !allowed {
			return problem.UserError(v1alpha1.ReasonInspectionForbidden, nil,
				"ServiceAccount %s/%s cannot %s Inspection %s (RBAC). Grant it with: %s", attempt.Namespace, attempt.ServiceAccount, verb,
				name, remedy.Command("kubectl -n %[1]s create rolebinding %[3]s-%[2]s --clusterrole=%[3]s --serviceaccount=%[1]s:%[2]s",
					attempt.Namespace, attempt.ServiceAccount, Role))
		}
	}
	return nil
}
