package collect

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/text"
)

// pattern reports whether an entry of a list of namespaces is a glob. No name of a namespace has these characters.
func pattern(entry string) bool { return strings.ContainsAny(entry, `*?[]^\`) }

// namespaceFailure is a namespace, or a glob, of the scope that was not found or not looked for.
func namespaceFailure(entry string, err error) failure {
	return failure{resource: resource{kind: facts.Namespace, name: "namespaces"}, namespace: entry, err: err}
}

func namespaceNotFound(entry string) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, entry)
}

// selectNamespaces returns the namespaces of the scope, in which globs are replaced by the namespaces that they match.
func (c *collector) selectNamespaces(ctx context.Context) ([]string, []failure) {
	if !slices.ContainsFunc(c.scope.Namespaces, pattern) {
		return c.scope.Namespaces, nil
	}
	existing, err := c.reader.namespaces(ctx)
	var selected []string
	var failures []failure
	for _, entry := range c.scope.Namespaces {
		switch {
		case !pattern(entry):
			selected = append(selected, entry)
		case err != nil:
			failures = append(failures, namespaceFailure(entry, err))
		default:
			found := c.scope.matching(entry, existing)
			selected = append(selected, found...)
			if len(found) == 0 {
				missing := namespaceFailure(entry, namespaceNotFound(entry))
				missing.similar = similar(existing, strings.Trim(entry, "*"))
				failures = append(failures, missing)
			}
		}
	}
	slices.Sort(selected)
	return slices.Compact(selected), failures
}

// matching returns the namespaces that a glob selects.
func (s Scope) matching(glob string, existing []string) []string {
	return slices.DeleteFunc(slices.Clone(existing), func(name string) bool {
		excluded := slices.ContainsFunc(s.ExcludeNamespaces, func(entry string) bool { return text.Match(entry, name) })
		return excluded || !text.Match(glob, name)
	})
}

// similar returns the namespace that a misspelt one likely means, or "". Two letters that changed places are two edits.
func similar(existing []string, name string) string {
	return text.Closest(existing, name, max(text.Typo(name), min(len(name)/2, 2)))
}

// missingNamespaces finds namespaces of the scope that do not exist. Their lists are empty, as if nothing were wrong in them. An
// account that cannot get Namespaces shows that one exists by what it finds there: every namespace has objects, such as the ConfigMap
// kube-root-ca.crt.
func (c *collector) missingNamespaces(ctx context.Context, failures []failure) []failure {
	ctx, cancel := fairShare(ctx)
	defer cancel()
	var missing []failure
	var existing []string
	for _, name := range c.scope.Namespaces {
		if _, found := c.populated.Load(name); found {
			continue
		}
		_, err := retry(ctx, func() (struct{}, error) { return struct{}{}, c.reader.namespace(ctx, name) })
		unread := slices.ContainsFunc(failures, func(f failure) bool {
			return f.namespace == name && !c.scope.optional(f)
		})
		switch failed := namespaceFailure(name, err); {
		case err == nil:
		case apierrors.IsNotFound(err):
			if existing == nil {
				existing, _ = c.reader.namespaces(ctx) // for the suggestion only
			}
			failed.similar = similar(existing, name)
			missing = append(missing, failed)
		case !unread: // otherwise a gap says already that the namespace was not read
			missing = append(missing, failed)
		}
	}
	return missing
}

// namespaces returns the names of all namespaces. Only metadata is requested.
func (r *reader) namespaces(ctx context.Context) ([]string, error) {
	client, err := metadata.NewForConfigAndClient(metadata.ConfigFor(r.config), r.http)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for p := (page{size: pageSize}); ; {
		list, err := retry(ctx, func() (*metav1.PartialObjectMetadataList, error) {
			return client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).List(ctx, p.listOptions(""))
		})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
		if list.Continue == "" {
			slices.Sort(names)
			return names, nil
		}
		p.from = list.Continue
	}
}
