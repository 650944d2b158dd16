package connect

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/cli/command"
)

// Complete registers the completion of the flags that select a cluster.
func (f *ClusterFlags) Complete(cmd *cobra.Command) {
	command.CompleteWith(cmd, "namespace", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), command.CompletionTimeout)
		defer cancel()
		target, err := f.Resolve()
		if err != nil {
			return nil, command.Silent
		}
		found, err := Namespaces(ctx, target)
		if err != nil {
			return nil, command.Silent
		}
		return found, command.Silent
	})
	command.CompleteWith(cmd, "context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return f.Contexts(), command.Silent
	})
}

// Contexts of the kubeconfig, in order.
func (f *ClusterFlags) Contexts() []string {
	raw, err := f.loader().RawConfig()
	if err != nil {
		return nil
	}
	var found []string
	for name := range raw.Contexts {
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}

// CompleteNames completes the names of objects of the kinds; a prefix KIND/ is completed with names of that kind. A maximum below zero
// is none.
func (f *ClusterFlags) CompleteNames(maximum int, kinds ...ResourceKind) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if maximum >= 0 && len(args) >= maximum {
			return nil, command.Silent
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), command.CompletionTimeout)
		defer cancel()
		s, err := f.OpenAny(command.IsSet(cmd, "all-namespaces"))
		if err != nil {
			return nil, command.Silent
		}
		prefix, _, explicit := strings.Cut(typed, "/")
		if explicit {
			kind, err := ParseKind(prefix, kinds...)
			if err != nil {
				return nil, command.Silent
			}
			return s.Complete(ctx, kind, prefix+"/", args)
		}
		found, directive := s.Complete(ctx, kinds[0], "", args)
		for _, kind := range kinds[1:] {
			more, _ := s.Complete(ctx, kind, kind.Names()[0]+"/", args)
			found = append(found, more...)
		}
		return found, directive
	}
}

// Complete returns the names of a kind with a prefix, except those that are arguments already.
func (s *Store) Complete(ctx context.Context, kind ResourceKind, prefix string, args []string) ([]string, cobra.ShellCompDirective) {
	names, err := s.names(ctx, kind)
	if err != nil {
		return nil, command.Silent
	}
	var found []string
	for _, name := range names {
		if !slices.Contains(args, prefix+name) {
			found = append(found, prefix+name)
		}
	}
	return found, command.Silent
}

// CompleteFlag completes a flag with the names of a kind.
func (f *ClusterFlags) CompleteFlag(cmd *cobra.Command, flag string, kind ResourceKind) {
	completion := f.CompleteNames(-1, kind)
	command.CompleteWith(cmd, flag, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return completion(cmd, nil, typed)
	})
}

// Namespaces of a cluster. Only their metadata is read.
func Namespaces(ctx context.Context, t Target) ([]string, error) {
	config := rest.CopyConfig(t.Config)
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, err
	}
	raw, err := client.Get().AbsPath("/api/v1/namespaces").
		SetHeader("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	found := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		found = append(found, item.Name)
	}
	return found, nil
}
