package cli

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
)

// completionTimeout bounds what a completion may take. A shell that hangs is worse than one that completes nothing.
const completionTimeout = 2 * time.Second

// silent is the result of a completion that has nothing to offer. Errors are not printed: the shell would show them as values.
const silent = cobra.ShellCompDirectiveNoFileComp

// complete registers the completion of the flags that select a cluster.
func (f *clusterFlags) complete(cmd *cobra.Command) {
	completeWith(cmd, "namespace", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		target, err := f.resolve()
		if err != nil {
			return nil, silent
		}
		found, err := namespaces(ctx, target)
		if err != nil {
			return nil, silent
		}
		return found, silent
	})
	completeWith(cmd, "context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return f.contexts(), silent
	})
}

// contexts of the kubeconfig, in order.
func (f *clusterFlags) contexts() []string {
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

// completeNames completes the names of objects of the kinds; a prefix KIND/ is completed with names of that kind. A maximum below zero
// is none.
func (f *clusterFlags) completeNames(maximum int, kinds ...resourceKind) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if maximum >= 0 && len(args) >= maximum {
			return nil, silent
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		s, err := f.openAny(isSet(cmd, "all-namespaces"))
		if err != nil {
			return nil, silent
		}
		prefix, _, explicit := strings.Cut(typed, "/")
		if explicit {
			kind, err := parseKind(prefix, kinds...)
			if err != nil {
				return nil, silent
			}
			return s.complete(ctx, kind, prefix+"/", args)
		}
		found, directive := s.complete(ctx, kinds[0], "", args)
		for _, kind := range kinds[1:] {
			more, _ := s.complete(ctx, kind, kind.names()[0]+"/", args)
			found = append(found, more...)
		}
		return found, directive
	}
}

func isSet(cmd *cobra.Command, flag string) bool {
	f := cmd.Flags().Lookup(flag)
	return f != nil && f.Changed
}

// complete returns the names of a kind with a prefix, except those that are arguments already.
func (s *store) complete(ctx context.Context, kind resourceKind, prefix string, args []string) ([]string, cobra.ShellCompDirective) {
	names, err := s.names(ctx, kind)
	if err != nil {
		return nil, silent
	}
	var found []string
	for _, name := range names {
		if !slices.Contains(args, prefix+name) {
			found = append(found, prefix+name)
		}
	}
	return found, silent
}

// completeFlag completes a flag with the names of a kind.
func (f *clusterFlags) completeFlag(cmd *cobra.Command, flag string, kind resourceKind) {
	completion := f.completeNames(-1, kind)
	completeWith(cmd, flag, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return completion(cmd, nil, typed)
	})
}

// completeFindings completes the ids of findings in the latest reports, described by check and object.
func (f *clusterFlags) completeFindings(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, silent
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	s, err := f.open()
	if err != nil {
		return nil, silent
	}
	name, err := cmd.Flags().GetString("inspection")
	if err != nil {
		return nil, silent
	}
	candidates, err := s.candidates(ctx, name)
	if err != nil {
		return nil, silent
	}
	var found []string
	for _, inspection := range candidates {
		report, err := s.namedReport(ctx, inspection.Status.LastReport)
		if err != nil {
			return nil, silent
		}
		for _, finding := range report.Findings {
			found = append(found, cobra.CompletionWithDesc(finding.ID, describeFinding(finding)))
		}
	}
	return found, silent
}

func describeFinding(f v1alpha1.Finding) string { return f.Check + " " + objectName(f.Object) }

// completeWith registers the completion of a flag.
func completeWith(cmd *cobra.Command, flag string, completion cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, completion); err != nil {
		panic(err) // only a flag that is not defined fails
	}
}

// completeChecks completes a flag with a list of check ids: the part behind the last comma.
func completeChecks(cmd *cobra.Command, flag string) {
	completeWith(cmd, flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		complete := typed[:strings.LastIndex(typed, ",")+1]
		var found []string
		for _, id := range checkIDs() {
			found = append(found, complete+id)
		}
		return found, silent | cobra.ShellCompDirectiveNoSpace
	})
}

// namespaces of a cluster. Only their metadata is read.
func namespaces(ctx context.Context, t target) ([]string, error) {
	config := rest.CopyConfig(t.config)
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
