package doctor

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/config"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/selfcheck"
	"kubeops.io/kubeops/internal/text"
)

// kindCRD precedes the name of a CustomResourceDefinition in findings.
const kindCRD = "CustomResourceDefinition "

// maxFields that a finding about a CustomResourceDefinition lists.
const maxFields = 3

// crds compares the CustomResourceDefinitions of the cluster with those of this program.
func (e *examination) crds(ctx context.Context) error {
	wanted, err := config.CRDs()
	if err != nil {
		return err
	}
	var missing []*apiextensionsv1.CustomResourceDefinition
	from := e.origin()
	for _, want := range wanted {
		found := &apiextensionsv1.CustomResourceDefinition{}
		err := e.client.Get(ctx, client.ObjectKeyFromObject(want), found)
		switch {
		case apierrors.IsNotFound(err):
			missing = append(missing, want)
		case err != nil:
			return e.failed(err, "read CustomResourceDefinitions")
		default:
			from = e.originOfCRD(found)
			e.crd(want, found, from.again(folderCRDs))
		}
	}
	for _, want := range missing {
		e.problem(checkCRDs, kindCRD+want.Name, fmt.Sprintf("does not exist: the manager does not reconcile %s until it does",
			want.Spec.Names.Kind), from.again(folderCRDs))
	}
	return nil
}

// originOfCRD may differ from that of the manager: a release does not take over what something else installed.
func (e *examination) originOfCRD(crd *apiextensionsv1.CustomResourceDefinition) origin {
	from := releaseOf(crd)
	from.overlay = from.release == "" && e.origin().overlay
	return from
}

// crd compares one CustomResourceDefinition.
func (e *examination) crd(want, found *apiextensionsv1.CustomResourceDefinition, applyCRDs remedy.Text) {
	object := kindCRD + want.Name
	for _, condition := range found.Status.Conditions {
		bad := apiextensionsv1.ConditionFalse
		if condition.Type == apiextensionsv1.NonStructuralSchema || condition.Type == apiextensionsv1.Terminating {
			bad = apiextensionsv1.ConditionTrue
		}
		if condition.Status == bad {
			e.problem(checkCRDs, object, fmt.Sprintf("is not served: %s is %s: %s", condition.Type, condition.Status,
				text.Clip(condition.Message, maxMessage)), remedy.Sprintf("See `kubectl describe crd %s`.", want.Name))
			return
		}
	}
	missing, extra := selfcheck.Compare(selfcheck.SchemaOf(want), selfcheck.SchemaOf(found))
	switch {
	case len(missing) > 0 && len(extra) > 0:
		e.problem(checkCRDs, object, fmt.Sprintf("is of another version: it lacks %s, and has %s", list(missing), list(extra)), applyCRDs)
	case len(missing) > 0:
		e.problem(checkCRDs, object, "is older than this program: it lacks "+list(missing), applyCRDs)
	case len(extra) > 0:
		e.warn(checkCRDs, object, "is newer than this program: it has "+list(extra),
			"Use the program of the version that is installed, or upgrade the manager if it is older than its CustomResourceDefinitions.")
	case !equality.Semantic.DeepEqual(want.Spec.Versions, found.Spec.Versions):
		e.warn(checkCRDs, object, "differs from that of this program in descriptions, limits or columns", applyCRDs)
	}
}

func list(fields []string) string { return text.List(fields, maxFields) }
