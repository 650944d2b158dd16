package bundles

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/source"
	"kubeops.io/kubeops/internal/text"
)

// release is a Helm release or an Argo CD application.
type release struct {
	// what it is, with a capital letter.
	what, name string
	// selector of labels that all its objects have; empty if there is none.
	selector string
	// managers of the fields that it applies.
	managers []string
	// stored says that the manifests are in a Secret of Helm.
	stored bool
	// has reports whether an object is one of it.
	has func(o metav1.Object, namespace string) bool
}

// parseRelease reads helm/NAME or argocd/NAME. ok is false for anything else.
func parseRelease(argument string) (r release, ok bool, err error) {
	kind, name, _ := strings.Cut(argument, "/")
	switch strings.ToLower(kind) {
	case "helm":
		r = helmSource(name)
	case "argocd":
		r = argoSource(name)
	default:
		return release{}, false, nil
	}
	if name == "" || strings.Contains(name, "/") {
		return release{}, false, fmt.Errorf("invalid source %q: must be bundle/NAME, helm/NAME or argocd/NAME", argument)
	}
	return r, true, nil
}

// helmSource finds objects by the annotations that Helm writes and checks before it takes an object over.
func helmSource(name string) release {
	return release{
		what: "Helm release", name: name, selector: source.ManagedBy + "=Helm", stored: true,
		managers: []string{"helm", "Helm", "helm-controller"},
		has: func(o metav1.Object, namespace string) bool {
			annotations := o.GetAnnotations()
			return annotations[source.HelmRelease+"name"] == name &&
				(namespace == "" || annotations[source.HelmRelease+"namespace"] == namespace)
		},
	}
}

// argoSource finds objects by the annotation or the label by which Argo CD tracks them.
func argoSource(name string) release {
	managers := []string{"argocd-controller", "argocd-application-controller", "argocd", "kubectl-client-side-apply"}
	return release{
		what: "Argo CD application", name: name, managers: managers,
		has: func(o metav1.Object, _ string) bool {
			tracked, _, _ := strings.Cut(o.GetAnnotations()[source.ArgoTracking], ":")
			_, inNamespace, _ := strings.Cut(tracked, "_") // NAMESPACE_NAME of an application in another namespace than Argo CD
			isArgo := slices.ContainsFunc(o.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool {
				return slices.Contains(managers, f.Manager)
			})
			return tracked == name || inNamespace == name || o.GetLabels()[source.ArgoInstance] == name ||
				isArgo && tracked == "" && o.GetLabels()["app.kubernetes.io/instance"] == name
		},
	}
}

// conflicts of the objects of a release in the cluster and namespace of a target. An empty namespace is all.
func (r release) conflicts(ctx context.Context, t connect.Target) (*conflictReport, error) {
	kinds, problem, err := connect.Listable(ctx, t)
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(connect.Unlimited(t.Config))
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	report := &conflictReport{Source: r.what + " " + r.name, Objects: []objectConflict{}}
	found := make([][]metav1.PartialObjectMetadata, len(kinds))
	failures := make([]error, len(kinds))
	connect.InParallel(len(kinds), func(i int) { found[i], failures[i] = r.list(ctx, client, kinds[i], t.Namespace) })
	if ctx.Err() != nil {
		return nil, t.Failed(ctx.Err(), "list objects")
	}
	var manifests intents
	if r.stored {
		manifests = r.helmIntents(ctx, t)
	}
	var denied []string
	for i, kind := range kinds {
		switch {
		case apierrors.IsForbidden(failures[i]):
			denied = append(denied, kind.Name)
		case failures[i] != nil && !apierrors.IsNotFound(failures[i]) && !apierrors.IsMethodNotSupported(failures[i]):
			problem = joinText(problem, t.Failed(failures[i], "list "+kind.Name).Error())
		}
		for _, o := range found[i] {
			report.Applied++
			if conflict := r.conflict(t.Cluster, kind, o, manifests); len(conflict.Fields) > 0 {
				report.Objects = append(report.Objects, conflict)
			}
		}
	}
	if len(denied) > 0 {
		problem = joinText(problem, "cannot list "+text.List(denied, command.MaxNames)+" (RBAC)")
	}
	if problem != "" {
		report.Problems = append(report.Problems, connect.ClusterProblem{Cluster: t.Cluster, Message: problem})
	}
	if report.Applied == 0 && problem == "" {
		where := "all namespaces"
		if t.Namespace != "" {
			where = "namespace " + t.Namespace
		}
		return nil, fmt.Errorf("%s %q has no objects in %s of context %q; use -n to select another namespace, or -A for all", r.what,
			r.name,
			where, t.Cluster)
	}
	return report, nil
}

// list the objects of a release of one kind. Those that another object controls are not applied by it: operators copy labels.
func (r release) list(
	ctx context.Context, client metadata.Interface, kind connect.ListedKind, namespace string,
) (found []metav1.PartialObjectMetadata, err error) {
	const page = 500
	in := namespace
	if !kind.Namespaced {
		in = ""
	}
	options := metav1.ListOptions{LabelSelector: r.selector, Limit: page}
	for {
		list, err := client.Resource(kind.GroupVersionResource).Namespace(in).List(ctx, options)
		if err != nil {
			return found, err
		}
		for _, o := range list.Items {
			if metav1.GetControllerOf(&o) == nil && r.has(&o, namespace) {
				found = append(found, o)
			}
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return found, nil
		}
	}
}

func (r release) conflict(cluster string, kind connect.ListedKind, o metav1.PartialObjectMetadata, manifests intents) objectConflict {
	conflict := objectConflict{
		Cluster: cluster, APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Namespace: o.Namespace, Name: o.Name,
	}
	applied := manifests.of(bundle.Key{
		GroupKind: schema.GroupKind{Group: kind.Group, Kind: kind.Kind}, Namespace: o.Namespace, Name: o.Name,
	})
	if last := o.Annotations[corev1.LastAppliedConfigAnnotation]; applied == nil && last != "" {
		_ = json.Unmarshal([]byte(last), &applied) // without it, only shared fields are known
	}
	for _, f := range bundle.OtherOwners(&o, r.managers, applied) {
		conflict.Fields = append(conflict.Fields, ownedField{
			Field: f.Path, Type: string(f.State), Manager: f.Manager, LastWriteTime: f.LastWrite,
		})
	}
	return conflict
}

// joinText joins two texts, of which each can be empty.
func joinText(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
