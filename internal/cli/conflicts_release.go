package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/bundle"
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
		what: "Helm release", name: name, selector: managedBy + "=Helm", stored: true,
		managers: []string{"helm", "Helm", "helm-controller"},
		has: func(o metav1.Object, namespace string) bool {
			annotations := o.GetAnnotations()
			return annotations[helmRelease+"name"] == name && (namespace == "" || annotations[helmRelease+"namespace"] == namespace)
		},
	}
}

// argoSource finds objects by the annotation or the label by which Argo CD tracks them.
func argoSource(name string) release {
	managers := []string{"argocd-controller", "argocd-application-controller", "argocd", "kubectl-client-side-apply"}
	return release{
		what: "Argo CD application", name: name, managers: managers,
		has: func(o metav1.Object, _ string) bool {
			tracked, _, _ := strings.Cut(o.GetAnnotations()[argoTracking], ":")
			_, inNamespace, _ := strings.Cut(tracked, "_") // NAMESPACE_NAME of an application in another namespace than Argo CD
			isArgo := slices.ContainsFunc(o.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool {
				return slices.Contains(managers, f.Manager)
			})
			return tracked == name || inNamespace == name || o.GetLabels()[argoInstance] == name ||
				isArgo && tracked == "" && o.GetLabels()["app.kubernetes.io/instance"] == name
		},
	}
}

// conflicts of the objects of a release in the cluster and namespace of a target. An empty namespace is all.
func (r release) conflicts(ctx context.Context, t target) (*conflictReport, error) {
	kinds, problem, err := listable(ctx, t)
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(unlimited(t.config))
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	report := &conflictReport{Source: r.what + " " + r.name, Objects: []objectConflict{}}
	found := make([][]metav1.PartialObjectMetadata, len(kinds))
	failures := make([]error, len(kinds))
	inParallel(len(kinds), func(i int) { found[i], failures[i] = r.list(ctx, client, kinds[i], t.namespace) })
	if ctx.Err() != nil {
		return nil, t.failed(ctx.Err(), "list objects")
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
			problem = joinText(problem, t.failed(failures[i], "list "+kind.Name).Error())
		}
		for _, o := range found[i] {
			report.Applied++
			if conflict := r.conflict(t.cluster, kind, o, manifests); len(conflict.Fields) > 0 {
				report.Objects = append(report.Objects, conflict)
			}
		}
	}
	if len(denied) > 0 {
		problem = joinText(problem, "cannot list "+text.List(denied, maxNames)+" (RBAC)")
	}
	if problem != "" {
		report.Problems = append(report.Problems, clusterProblem{Cluster: t.cluster, Message: problem})
	}
	if report.Applied == 0 && problem == "" {
		where := "all namespaces"
		if t.namespace != "" {
			where = "namespace " + t.namespace
		}
		return nil, fmt.Errorf("%s %q has no objects in %s of context %q; use -n to select another namespace, or -A for all", r.what,
			r.name,
			where, t.cluster)
	}
	return report, nil
}

// listedKind is a kind that can be listed.
type listedKind struct {
	schema.GroupVersionResource

	Name, Kind string
	namespaced bool
}

// listable are the kinds of a cluster, and the problem of an API that does not answer.
func listable(ctx context.Context, t target) (kinds []listedKind, problem string, err error) {
	client, err := discovery.NewDiscoveryClientForConfig(unlimited(t.config))
	if err != nil {
		return nil, "", fmt.Errorf("load kubeconfig: %w", err)
	}
	lists, err := client.ServerPreferredResourcesWithContext(ctx)
	var incomplete *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &incomplete):
		problem = "an aggregated API of the cluster does not answer"
	case err != nil:
		return nil, "", t.failed(err, "read the APIs of the cluster")
	}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && !strings.Contains(resource.Name, "/") && resource.Kind != "Event" {
				kinds = append(kinds, listedKind{version.WithResource(resource.Name), resource.Name, resource.Kind, resource.Namespaced})
			}
		}
	}
	return kinds, problem, nil
}

// list the objects of a release of one kind. Those that another object controls are not applied by it: operators copy labels.
func (r release) list(
	ctx context.Context, client metadata.Interface, kind listedKind, namespace string,
) (found []metav1.PartialObjectMetadata, err error) {
	const page = 500
	in := namespace
	if !kind.namespaced {
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

func (r release) conflict(cluster string, kind listedKind, o metav1.PartialObjectMetadata, manifests intents) objectConflict {
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

// unlimited is a configuration without limits of the client: API Priority and Fairness of the server decides. Warnings about deprecated
// kinds are none about what the user asked for.
func unlimited(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	config.WarningHandlerWithContext = nil
	return config
}

// joinText joins two texts, of which each can be empty.
func joinText(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
