package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// fieldManager of restored objects in metadata.managedFields.
const fieldManager = "kubeops-restore"

// action on an object.
type action string

const (
	actionCreate    action = "create"
	actionChange    action = "change"
	actionUnchanged action = "unchanged"
	// actionLeave is an object that exists with other content, or is of a kind that is not restored.
	actionLeave action = "leave"
	actionFail  action = "fail"
)

// step is what was done with a file, or would be.
type step struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Action    action `json:"action"`
	Message   string `json:"message,omitempty"`
}

type restoreOptions struct {
	cluster          connect.ClusterFlags
	dryRun           bool
	overwrite        bool
	suspend          bool
	createNamespaces bool
	output           string
}

// NewRestore is "kubeops restore".
func NewRestore(streams command.Streams) *cobra.Command {
	o := restoreOptions{}
	cmd := &cobra.Command{
		Use:   "restore FOLDER",
		Short: "Create the resources of a backup",
		Long: `Create the resources of a backup that do not exist, in the order of their references. An object that exists with other
content is left as it is without --overwrite. Nothing is deleted. PipelineRuns, Approvals and requests for runs are never restored.

A restored resource does what a new one does: backends are probed, ResourceBundles are applied, Inspections without a schedule run
once, and schedules begin now. With --suspend, nothing of this happens before "kubeops resume".`,
		Example: `  kubeops restore backup --dry-run
  kubeops restore backup --create-namespaces --suspend
  kubeops restore backup -n shop --overwrite`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), streams, args[0]) },
	}
	flags := cmd.Flags()
	o.cluster.RegisterCluster(flags)
	flags.StringVarP(&o.cluster.Overrides.Context.Namespace, "namespace", "n", "",
		"restore this namespace only (default: all of the backup)")
	o.cluster.Complete(cmd)
	flags.BoolVar(&o.dryRun, "dry-run", false, "let the API server check everything, and change nothing")
	flags.BoolVar(&o.overwrite, "overwrite", false, "change the labels, annotations and specs of objects that exist")
	flags.BoolVar(&o.suspend, "suspend", false, "set spec.suspend of the objects that are created")
	flags.BoolVar(&o.createNamespaces, "create-namespaces", false, "create namespaces that do not exist")
	flags.StringVarP(&o.output, "output", "o", "table", "format: table, json, yaml")
	command.CompleteValues(cmd, "output", "table", "json", "yaml")
	cmd.ValidArgsFunction = completeFolder
	return cmd
}

func (o *restoreOptions) run(ctx context.Context, streams command.Streams, name string) error {
	if err := command.OneOf("-o", o.output, "table", "json", "yaml"); err != nil {
		return err
	}
	source, err := openFolder(name)
	if err != nil {
		return err
	}
	defer source.close()
	m, err := source.manifest()
	if err != nil {
		return err
	}
	var namespaces []string
	if selected := o.cluster.Overrides.Context.Namespace; selected != "" {
		namespaces = []string{selected}
	}
	files, err := source.files(namespaces)
	if err != nil {
		return err
	}
	store, err := o.cluster.OpenAny(true)
	if err != nil {
		return err
	}
	o.compareCRDs(ctx, streams, store, m)
	r := &restorer{options: o, store: store, folder: source, dryRun: o.dryRun}
	if err := r.prepareNamespaces(ctx, files); err != nil {
		return err
	}
	steps, err := r.all(ctx, files)
	if err != nil {
		return err
	}
	if err := o.print(streams, steps); err != nil {
		return err
	}
	return failures(steps)
}

// compareCRDs warns if the cluster has other CustomResourceDefinitions than that of the backup. The API server decides about each object.
func (o *restoreOptions) compareCRDs(ctx context.Context, streams command.Streams, store *connect.Store, m *manifest) {
	if len(m.CRDs) == 0 {
		return
	}
	warnings := printable.NewWriter(streams.Err)
	defer func() { _ = warnings.Flush() }() // every line has its end
	found, err := hashes(ctx, store)
	switch {
	case err != nil:
		fmt.Fprintf(warnings, "warning: the versions of the CustomResourceDefinitions are not compared: %s\n", err)
	case !maps.Equal(found, m.CRDs):
		fmt.Fprintf(warnings, "warning: the CustomResourceDefinitions of the cluster are not those of the backup, which kubeops %s wrote; "+
			"--dry-run shows what the API server refuses\n", m.Program)
	}
}

func failures(steps []step) error {
	failed := 0
	for i := range steps {
		if steps[i].Action == actionFail {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return &command.GapsError{Text: terminal.Count(failed, "object", "objects") + " could not be restored"}
}

func (o *restoreOptions) print(streams command.Streams, steps []step) error {
	document := struct {
		DryRun bool   `json:"dryRun"`
		Items  []step `json:"items"`
	}{o.dryRun, steps}
	switch o.output {
	case "json":
		return render.JSON(streams.Out, document)
	case "yaml":
		return render.YAML(streams.Out, document)
	}
	rows := [][]string{{"KIND", "NAME", "ACTION", "MESSAGE"}}
	counts := map[action]int{}
	for _, s := range steps {
		rows = append(rows, []string{s.Kind, s.Namespace + "/" + s.Name, string(s.Action), s.Message})
		counts[s.Action]++
	}
	if err := terminal.PrintColumns(streams.Out, rows); err != nil {
		return err
	}
	suffix := ""
	if o.dryRun {
		suffix = " (dry run: nothing was changed)"
	}
	_, err := fmt.Fprintf(streams.Out, "\n%d to create, %d to change, %d unchanged, %d left, %d failed%s\n", counts[actionCreate],
		counts[actionChange], counts[actionUnchanged], counts[actionLeave], counts[actionFail], suffix)
	return err
}

// restorer creates the objects of a folder.
type restorer struct {
	options *restoreOptions
	store   *connect.Store
	folder  *folder
	dryRun  bool
	// missing are namespaces that a dry run did not create.
	missing map[string]bool
}

// prepareNamespaces creates those that do not exist, or says how.
func (r *restorer) prepareNamespaces(ctx context.Context, files []string) error {
	if !r.options.createNamespaces {
		return nil
	}
	core, err := corev1client.NewForConfig(connect.Unlimited(r.store.Target.Config))
	if err != nil {
		return fmt.Errorf("load kubeconfig: %w", err)
	}
	r.missing = map[string]bool{}
	for _, file := range files {
		name := path.Base(path.Dir(path.Dir(file)))
		if _, known := r.missing[name]; known {
			continue
		}
		options := metav1.CreateOptions{FieldManager: fieldManager}
		if r.dryRun {
			options.DryRun = []string{metav1.DryRunAll}
		}
		_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, options)
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return r.store.Target.Failed(err, "create namespace "+name)
		}
		r.missing[name] = r.dryRun && err == nil
	}
	return nil
}

// all restores the files in the order of their kinds. One that fails does not keep the others from being restored. The error is that of an
// API server that cannot be reached.
func (r *restorer) all(ctx context.Context, files []string) ([]step, error) {
	order := kinds()
	rank := func(file string) int {
		return slices.IndexFunc(order, func(k connect.ResourceKind) bool { return k.Resource == path.Base(path.Dir(file)) })
	}
	slices.SortStableFunc(files, func(a, b string) int { return rank(a) - rank(b) })
	steps := []step{}
	for _, file := range files {
		at := rank(file)
		if at < 0 {
			steps = append(steps, step{
				Kind: path.Base(path.Dir(file)), Namespace: path.Base(path.Dir(path.Dir(file))), Name: path.Base(file), Action: actionLeave,
				Message: "is not restored: it would start work, or is a record of work in another cluster",
			})
			continue
		}
		done, err := r.file(ctx, order[at], file)
		if err != nil {
			return nil, r.store.Target.Failed(err, "restore the backup")
		}
		steps = append(steps, done)
	}
	return steps, nil
}

// file restores one object. The error is that of an API server that cannot be reached.
func (r *restorer) file(ctx context.Context, kind connect.ResourceKind, file string) (step, error) {
	done := step{Kind: kind.Kind, Namespace: path.Base(path.Dir(path.Dir(file))), Name: path.Base(file[:len(file)-len(extension)])}
	fail := func(message string) (step, error) {
		done.Action = actionFail
		done.Message = message
		return done, nil
	}
	object, err := r.folder.object(file)
	if err == nil && object.GetKind() != kind.Kind {
		err = fmt.Errorf("the file has a %s, and so does not belong there", object.GetKind())
	}
	if err != nil {
		return fail(err.Error())
	}
	object = strip(object)
	live, err := r.get(ctx, kind, object)
	switch {
	case apierrors.IsNotFound(err):
		done.Action = actionCreate
		if r.options.suspend {
			err = unstructured.SetNestedField(object.Object, true, "spec", "suspend")
		} else {
			err = nil
		}
		if err == nil && !r.missing[object.GetNamespace()] {
			err = r.create(ctx, kind, object)
		}
	case err != nil:
	case same(strip(live), object):
		done.Action = actionUnchanged
	case !r.options.overwrite:
		done.Action = actionLeave
		done.Message = "exists with other content; --overwrite changes it"
	default:
		done.Action = actionChange
		err = r.change(ctx, kind, live, object)
	}
	switch {
	case err == nil:
		return done, nil
	case apierror.IsConnection(err), ctx.Err() != nil:
		return done, err
	}
	return fail(describe(err))
}

// same compares objects as JSON: a number of a file has another type than one of the API server.
func same(a, b *unstructured.Unstructured) bool {
	left, leftErr := json.Marshal(a.Object)
	right, rightErr := json.Marshal(b.Object)
	return leftErr == nil && rightErr == nil && bytes.Equal(left, right)
}

// describe an error with the message of the API server, which names the field.
func describe(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Message != "" {
		return text.Clip(status.Status().Message, maxMessage)
	}
	return apierror.Describe(err)
}

// maxMessage of the API server that is printed, in runes.
const maxMessage = 500

func (r *restorer) get(
	ctx context.Context, kind connect.ResourceKind, object *unstructured.Unstructured,
) (*unstructured.Unstructured, error) {
	raw, err := r.store.Client.Get().Namespace(object.GetNamespace()).Resource(kind.Resource).Name(object.GetName()).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	live := &unstructured.Unstructured{}
	return live, live.UnmarshalJSON(raw)
}

// create an object. Unknown fields are errors: they would be lost.
func (r *restorer) create(ctx context.Context, kind connect.ResourceKind, object *unstructured.Unstructured) error {
	body, err := json.Marshal(object.Object)
	if err != nil {
		return err
	}
	request := r.store.Client.Post().Namespace(object.GetNamespace()).Resource(kind.Resource).Param("fieldManager", fieldManager).
		Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/json").Body(body)
	if r.dryRun {
		request = request.Param("dryRun", metav1.DryRunAll)
	}
	return request.Do(ctx).Error()
}

// change an object that exists to the content of the backup. Its status, owners and finalizers stay.
func (r *restorer) change(ctx context.Context, kind connect.ResourceKind, live, object *unstructured.Unstructured) error {
	live.SetLabels(object.GetLabels())
	annotations := object.GetAnnotations()
	if request, exists := live.GetAnnotations()[v1alpha1.AnnotationRequestedAt]; exists { // handled, or it is not: as before
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[v1alpha1.AnnotationRequestedAt] = request
	}
	live.SetAnnotations(annotations)
	live.Object["spec"] = object.Object["spec"]
	body, err := json.Marshal(live.Object)
	if err != nil {
		return err
	}
	request := r.store.Client.Put().Namespace(object.GetNamespace()).Resource(kind.Resource).Name(object.GetName()).
		Param("fieldManager", fieldManager).Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/json").Body(body)
	if r.dryRun {
		request = request.Param("dryRun", metav1.DryRunAll)
	}
	return request.Do(ctx).Error()
}
