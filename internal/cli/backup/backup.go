// Package backup implements "kubeops backup" and "kubeops restore": the specs of the resources of KubeOps as files that fit for Git.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/config"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/redact"
)

// pageSize of lists. A Pipeline can have some 100 KiB.
const pageSize = 100

type backupOptions struct {
	cluster       connect.ClusterFlags
	allNamespaces bool
}

// NewBackup is "kubeops backup".
func NewBackup(streams command.Streams) *cobra.Command {
	o := backupOptions{}
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Write the resources of KubeOps to files that fit for Git",
		Long: `Write the specs of all resources of KubeOps, one file per object, with a manifest. Reports, PipelineRuns, Approvals and
inventories are records of what happened, and left out. So are status, UIDs, owners, finalizers and requests. Secrets are not read.

A second backup to the same folder removes the files of objects that are gone, and changes nothing if nothing changed.`,
		Example: `  kubeops backup -A backup
  kubeops backup -n shop backup`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), streams, args[0]) },
	}
	o.cluster.Register(cmd.Flags())
	o.cluster.Complete(cmd)
	cmd.Flags().BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "all namespaces")
	cmd.ValidArgsFunction = completeFolder
	return cmd
}

func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%q requires a folder", cmd.CommandPath())
	}
	return command.MaxArguments(1)(cmd, args)
}

func completeFolder(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, command.Silent
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// writer writes the objects of a store to a folder.
type writer struct {
	store    *connect.Store
	folder   *folder
	gate     *redact.Redactor
	warnings *printable.Writer
	// written are the files of objects that exist.
	written map[string]bool
	changed int
}

func (o *backupOptions) run(ctx context.Context, streams command.Streams, name string) error {
	if o.allNamespaces && o.cluster.Overrides.Context.Namespace != "" {
		return errors.New("-A and -n are mutually exclusive")
	}
	store, err := o.cluster.OpenAny(o.allNamespaces)
	if err != nil {
		return err
	}
	gate, err := redact.New(redact.Options{})
	if err != nil {
		return err
	}
	target, err := createFolder(name)
	if err != nil {
		return err
	}
	defer target.close()
	warnings := printable.NewWriter(streams.Err)
	defer func() { _ = warnings.Flush() }() // every line has its end
	w := &writer{store: store, folder: target, gate: gate, warnings: warnings, written: map[string]bool{}}
	return w.all(ctx, streams.Out)
}

// all writes every object, and removes files only after all were read.
func (w *writer) all(ctx context.Context, out io.Writer) error {
	m := manifest{Format: formatVersion, APIVersion: v1alpha1.GroupVersion().String(), Program: buildinfo.Read().Version}
	if w.store.Namespace != "" {
		m.Namespaces = []string{w.store.Namespace}
	}
	var err error
	if m.CRDs, err = hashes(ctx, w.store); err != nil {
		fmt.Fprintf(w.warnings, "warning: the manifest has no hashes of CustomResourceDefinitions: %s\n", err)
	}
	// First, so that a folder with objects is known as that of a backup.
	changed, err := w.folder.write(manifestFile, m)
	if err != nil {
		return err
	}
	if changed {
		w.changed++
	}
	for _, kind := range kinds() {
		if err := w.kind(ctx, kind); err != nil {
			return err
		}
	}
	removed, err := w.folder.prune(m.Namespaces, w.written)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s, %s changed, %s removed\n", terminal.Count(len(w.written), "object", "objects"),
		terminal.Count(w.changed, "file", "files"), terminal.Count(removed, "file", "files"))
	return err
}

// kind writes the objects of a kind.
func (w *writer) kind(ctx context.Context, kind connect.ResourceKind) error {
	return eachObject(ctx, w.store, kind, func(object *unstructured.Unstructured) error {
		if object.GetDeletionTimestamp() != nil {
			return nil
		}
		stripped := strip(object)
		name := fileOf(object.GetNamespace(), kind.Resource, object.GetName())
		w.warnOfSecrets(kind.Kind, stripped)
		changed, err := w.folder.write(name, stripped.Object)
		if err != nil {
			return err
		}
		w.written[name] = true
		if changed {
			w.changed++
		}
		return nil
	})
}

// warnOfSecrets names an object whose spec has what looks like a secret. It is what the author wrote, in place of a reference to a Secret.
func (w *writer) warnOfSecrets(kind string, object *unstructured.Unstructured) {
	content, err := yaml.Marshal(object.Object)
	if err != nil {
		return // it is reported when it is written
	}
	_, found := w.gate.Count(string(content))
	if len(found) > 0 {
		fmt.Fprintf(w.warnings, "warning: %s %s/%s has what looks like a secret (%s): move it to a Secret before you commit the file\n",
			kind, object.GetNamespace(), object.GetName(), terminal.JoinWords(slices.Sorted(maps.Keys(found))))
	}
}

// eachObject visits the objects of a kind as the API server has them, with fields that this program does not know.
func eachObject(ctx context.Context, s *connect.Store, kind connect.ResourceKind, visit func(*unstructured.Unstructured) error) error {
	for next := ""; ; {
		request := s.Client.Get().Namespace(s.Namespace).Resource(kind.Resource).Param("limit", fmt.Sprint(pageSize))
		if next != "" {
			request = request.Param("continue", next)
		}
		raw, err := request.Do(ctx).Raw()
		if err != nil {
			return s.Target.Failed(err, fmt.Sprintf("list %s in %s", kind.Resource, s.Where()))
		}
		list := &unstructured.UnstructuredList{}
		if err := list.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("decode the list of %s: %w", kind.Resource, err)
		}
		for i := range list.Items {
			list.Items[i].SetKind(kind.Kind)
			list.Items[i].SetAPIVersion(v1alpha1.GroupVersion().String())
			if err := visit(&list.Items[i]); err != nil {
				return err
			}
		}
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}

// hashes of the specs of the CustomResourceDefinitions of the cluster, by name. The clusters of a backup and of its restore have the same
// if they have the same version of KubeOps.
func hashes(ctx context.Context, s *connect.Store) (map[string]string, error) {
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	reader, err := client.New(s.Target.Config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, s.Target.Failed(err, "read the APIs of the cluster")
	}
	known, err := config.CRDs()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, crd := range known {
		live := &apiextensionsv1.CustomResourceDefinition{}
		if err := reader.Get(ctx, client.ObjectKeyFromObject(crd), live); err != nil {
			return nil, s.Target.Failed(err, "read CustomResourceDefinition "+crd.Name)
		}
		content, err := json.Marshal(live.Spec)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		found[crd.Name] = "sha256:" + hex.EncodeToString(sum[:])
	}
	return found, nil
}
