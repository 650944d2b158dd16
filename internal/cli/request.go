package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/uuid"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
)

// defaultWait is the default of --timeout: the default timeout of a run, and as long to wait for a free slot.
const defaultWait = 2 * v1alpha1.DefaultTimeout

// staleStalled is how long a condition Stalled that is older than the request may last before the command gives up. The controller
// handles a request within seconds, and the condition stays as it is if the attempt fails for the same reason.
const staleStalled = 10 * time.Second

type runOptions struct {
	cluster connect.ClusterFlags
	print   printFlags
	wait    bool
	timeout time.Duration
}

func newRun(streams command.Streams) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [INSPECTION]",
		Short: "Run an Inspection now",
		Long: `Request a run of an Inspection, in addition to those of its schedule, with the annotation kubeops.io/requested-at. Without a
name, the namespace must have exactly one Inspection.

With --wait, the command waits for a run that started after the request, and prints its report as "kubeops report" does.
Progress goes to stderr, with a warning if no controller has picked up the request after 15 seconds. Several requests at
the same time can share one run. A suspended Inspection is not requested.

Exit codes:
  0  the run was requested; with --wait, its report is printed
  1  with --wait, the report has findings at or above --fail-on
  2  usage error, the run failed, or it did not end within --timeout`,
		Example: `  kubeops run -n shop
  kubeops run everything -n shop --wait
  kubeops run everything -n shop --wait --timeout 15m --fail-on high
  kubeops run everything -n shop --wait -o json | jq .summary`,
		Args: command.MaxArguments(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cmd, streams, strings.Join(args, ""))
		},
	}
	o.cluster.Register(cmd.Flags())
	o.cluster.Complete(cmd)
	o.print.register(cmd)
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait for the report and print it")
	cmd.Flags().DurationVar(&o.timeout, "timeout", defaultWait, "with --wait: how long to wait")
	cmd.ValidArgsFunction = o.cluster.CompleteNames(1, connect.InspectionKind())
	return cmd
}

func (o *runOptions) run(ctx context.Context, cmd *cobra.Command, streams command.Streams, argument string) error {
	if err := o.print.validate(); err != nil {
		return err
	}
	if name := o.print.changed(cmd); name != "" && !o.wait {
		return fmt.Errorf("--%s requires --wait: without it, no report is printed", name)
	}
	if o.timeout <= 0 {
		return fmt.Errorf("invalid --timeout %s: must be positive", o.timeout)
	}
	store, err := o.cluster.Open()
	if err != nil {
		return err
	}
	inspection, err := requested(ctx, store, argument)
	if err != nil {
		return err
	}
	command := remedy.Command("kubeops report -n %s %s", inspection.Namespace, inspection.Name)
	if !o.wait {
		safe := printable.NewWriter(streams.Out)
		fmt.Fprintf(safe, "Requested a run of Inspection %s/%s; %s prints its report\n", inspection.Namespace, inspection.Name,
			command.Code())
		return safe.Flush()
	}
	waiting := newWaiter(store, inspection, streams.Err)
	report, err := waiting.wait(ctx, connect.NewPoller(streams.Err), o.timeout)
	if err != nil {
		return err
	}
	return o.print.write(streams, store.Target, report)
}

// requested finds an Inspection, requests a run, and returns it as it is stored then.
func requested(ctx context.Context, s *connect.Store, argument string) (*v1alpha1.Inspection, error) {
	name := ""
	if argument != "" {
		ref, err := connect.ParseReference(argument, connect.InspectionKind())
		if err != nil {
			return nil, err
		}
		name = ref.Name
	}
	inspection, err := s.Inspection(ctx, name)
	if err != nil {
		return nil, err
	}
	if inspection.Spec.Suspend {
		return nil, suspendedError(inspection)
	}
	// The value is unique, so that two requests within a second differ.
	value := time.Now().UTC().Format(time.RFC3339) + "-" + string(uuid.NewUUID())[:8]
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{v1alpha1.AnnotationRequestedAt: value},
	}})
	if err != nil {
		return nil, err
	}
	patched, err := s.Patch(ctx, connect.InspectionKind(), inspection.Namespace, inspection.Name, types.MergePatchType, body)
	if err != nil {
		return nil, err
	}
	return patched.(*v1alpha1.Inspection), nil
}

func suspendedError(inspection *v1alpha1.Inspection) error {
	return fmt.Errorf("inspection %s/%s is suspended and does not run; run %s first", inspection.Namespace, inspection.Name,
		remedy.Command("kubeops resume -n %s %s", inspection.Namespace, inspection.Name).Code())
}

// waiter waits for a run that started after a request.
//
// The controller starts one run for the value of the annotation at that time, and records it in status.lastHandledRequest when the run
// has ended. Another request replaces the value, possibly before a run started for the first. So every value that the annotation has had
// since the request stands for a run that started after it.
type waiter struct {
	store  *connect.Store
	stderr *printable.Writer
	name   string
	// values of the annotation since the request.
	values map[string]bool
	// stalled is the condition as it was at the request; nil if the Inspection was not stalled.
	stalled *metav1.Condition
	began   time.Time
	// shown is the last progress that was printed.
	shown string
	// before is the status at the request. A controller that works on the request changes it, unless it waits for the same as before.
	before v1alpha1.InspectionStatus
	// moved is set once the status differs from it.
	moved bool
	// checked is set once the Lease of the manager was looked at.
	checked bool
}

// newWaiter waits for an Inspection as the patch of the request returned it.
func newWaiter(s *connect.Store, requested *v1alpha1.Inspection, stderr io.Writer) *waiter {
	w := &waiter{
		store: s.In(requested.Namespace), stderr: printable.NewWriter(stderr), name: requested.Name, values: map[string]bool{},
		stalled: meta.FindStatusCondition(requested.Status.Conditions, v1alpha1.ConditionStalled), began: time.Now(),
		before: *requested.Status.DeepCopy(),
	}
	w.values[requested.Annotations[v1alpha1.AnnotationRequestedAt]] = true
	return w
}

func (w *waiter) wait(ctx context.Context, poll *connect.Poller, timeout time.Duration) (*v1alpha1.InspectionReport, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	name := ""
	err := poll.Until(limited, func(ctx context.Context) (bool, error) {
		found, err := w.store.Get(ctx, connect.InspectionKind(), w.name)
		if err != nil {
			return false, err
		}
		inspection := found.(*v1alpha1.Inspection)
		if w.handled(inspection) {
			name = inspection.Status.LastReport
			return true, nil
		}
		w.warn(ctx)
		return false, w.stopped(inspection)
	})
	switch {
	case connect.Interrupted(err):
		return nil, &connect.Failure{
			Text: "interrupted; the request stays, and its report is printed by " +
				string(remedy.Command("kubeops report -n %s %s", w.store.Namespace, w.name).Code()),
			Cause: err,
		}
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("inspection %s/%s has no report of the requested run after %s%s; the request stays: %s",
			w.store.Namespace, w.name, timeout, w.status(), cmp.Or(w.unattended(ctx), "use a longer --timeout"))
	case err != nil:
		return nil, err
	}
	return w.store.NamedReport(ctx, name)
}

// handled reports whether a run ended that started after the request.
func (w *waiter) handled(inspection *v1alpha1.Inspection) bool {
	if handled := inspection.Status.LastHandledRequest; handled != "" && w.values[handled] {
		return true
	}
	w.values[v1alpha1.RequestOf(inspection)] = true
	w.moved = w.moved || !equality.Semantic.DeepEqual(inspection.Status, w.before)
	w.progress(inspection)
	return false
}

// stopped is why no run will start unless the user changes something.
func (w *waiter) stopped(inspection *v1alpha1.Inspection) error {
	if inspection.Spec.Suspend {
		return fmt.Errorf("inspection %s/%s was suspended; the requested run starts when it is resumed: %s", inspection.Namespace,
			inspection.Name, remedy.Command("kubeops resume -n %s %s", inspection.Namespace, inspection.Name).Code())
	}
	stalled := meta.FindStatusCondition(inspection.Status.Conditions, v1alpha1.ConditionStalled)
	if stalled == nil || inspection.Status.ActiveRun != nil {
		return nil
	}
	same := w.stalled != nil && w.stalled.Reason == stalled.Reason && w.stalled.Message == stalled.Message
	if same && time.Since(w.began) < staleStalled {
		return nil // possibly from before the request
	}
	return fmt.Errorf("inspection %s/%s cannot run (%s): %s", inspection.Namespace, inspection.Name, stalled.Reason, stalled.Message)
}

// progress prints what the Inspection does, when it changes.
func (w *waiter) progress(inspection *v1alpha1.Inspection) {
	text := "waiting for the controller"
	ready := meta.FindStatusCondition(inspection.Status.Conditions, v1alpha1.ConditionReady)
	switch run := inspection.Status.ActiveRun; {
	case run != nil && w.values[run.Request]:
		text = "running"
	case run != nil:
		text = "waiting for the end of a run that started earlier"
	case ready != nil && ready.Status != metav1.ConditionTrue && ready.Message != "":
		text = "waiting" + age(ready, w.began) + ": " + outcome.Explanation(inspection.Status.Conditions)
	}
	if text != w.shown {
		w.shown = text
		fmt.Fprintf(w.stderr, "Inspection %s/%s: %s\n", inspection.Namespace, inspection.Name, text)
	}
}

// age is how long a condition that is older than the request has been as it is, as " (for 5m)"; empty for a recent one.
func age(condition *metav1.Condition, requested time.Time) string {
	old := requested.Sub(condition.LastTransitionTime.Time)
	if condition.LastTransitionTime.IsZero() || old < time.Minute {
		return ""
	}
	return " (for " + duration.HumanDuration(old) + ")"
}

// status is what the Inspection did last, within an error.
func (w *waiter) status() string {
	if w.shown == "" {
		return ""
	}
	return " (" + w.shown + ")"
}
