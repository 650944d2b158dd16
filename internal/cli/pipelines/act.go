package pipelines

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
)

// maxApproverGroups of an Approval.
const maxApproverGroups = 64

type approveOptions struct {
	runArguments
	reject  bool
	comment string
}

func newPipelineApprove(streams command.Streams) *cobra.Command {
	var o approveOptions
	cmd := &cobra.Command{
		Use:   "approve RUN [STAGE]",
		Short: "Approve or reject a stage that waits for approval",
		Long: `Create an Approval in your name, bound to the run, the stage, its attempt, and the digest of what it was given. It needs the
verb approve on the Pipeline (ClusterRole kubeops-approver). Without a stage, the run must have exactly one that waits for approval.
With a comment it also lets a stage start that waits for a window, if spec.windowOverride of the Pipeline is set.`,
		Example: `  kubeops pipeline approve release-x7k2p -n shop
  kubeops pipeline approve release-x7k2p production -n shop --comment "load test passed"
  kubeops pipeline approve release-x7k2p -n shop --reject --comment "error rate is up"`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), streams, args) },
	}
	o.register(cmd, 2)
	cmd.Flags().BoolVar(&o.reject, "reject", false, "reject the stage, which fails it")
	cmd.Flags().StringVar(&o.comment, "comment", "", "why, for the others; at most 512 characters")
	return cmd
}

func (o *approveOptions) run(ctx context.Context, streams command.Streams, args []string) error {
	s, run, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	stage, err := pick(run, args, "waits for approval", func(stage *v1alpha1.StageStatus) bool {
		awaits := stage.Type == v1alpha1.StageApproval || stage.Reason == v1alpha1.ReasonAwaitingApproval
		return stage.Digest != "" && (awaits && !stage.Phase.Ended() && stage.Phase != v1alpha1.StageWaiting || outsideOfWindow(stage))
	})
	if err != nil {
		return err
	}
	attempt := stage.Attempt
	if outsideOfWindow(stage) {
		attempt++
		if o.comment == "" || o.reject {
			return fmt.Errorf("stage %s waits for a window; to start it now, approve it with --comment REASON", stage.Name)
		}
	}
	user, err := selfOf(ctx, s.Target)
	if err != nil {
		return err
	}
	decision := v1alpha1.DecisionApprove
	done := "Approved"
	if o.reject {
		decision = v1alpha1.DecisionReject
		done = "Rejected"
	}
	_, err = s.Create(ctx, connect.ApprovalKind(), &v1alpha1.Approval{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "Approval"},
		ObjectMeta: metav1.ObjectMeta{Namespace: run.Namespace, GenerateName: run.Name[:min(len(run.Name), 200)] + "-"},
		Spec: v1alpha1.ApprovalSpec{
			Pipeline: run.Spec.PipelineRef.Name, Run: run.Name, Stage: stage.Name, Attempt: attempt, Digest: stage.Digest,
			Approver: user.Username, Groups: user.Groups[:min(len(user.Groups), maxApproverGroups)], Decision: decision, Comment: o.comment,
		},
	})
	if err != nil {
		return err
	}
	out := printable.NewWriter(streams.Out)
	fmt.Fprintf(out, "%s stage %s of PipelineRun %s/%s (%s) as %s\n", done, stage.Name, run.Namespace, run.Name, stage.Digest,
		user.Username)
	if user.Username == run.Spec.RequestedBy {
		fmt.Fprintln(printable.NewWriter(streams.Err),
			"warning: you requested this run; the approval counts only if approval.allowSelf of the stage is set")
	}
	return out.Flush()
}

// outsideOfWindow reports whether a stage waits for a window that an Approval of its next attempt overrides.
func outsideOfWindow(stage *v1alpha1.StageStatus) bool {
	return stage.Phase == v1alpha1.StageWaiting && stage.Reason == v1alpha1.ReasonWindowClosed
}

func newPipelineCancel(streams command.Streams) *cobra.Command {
	var a runArguments
	cmd := &cobra.Command{
		Use:   "cancel RUN",
		Short: "Cancel a run",
		Long: `Set spec.cancel of a PipelineRun. Stages in progress are stopped, no other starts, and those of finally run. It cannot be
undone: start another run instead.`,
		Example: `  kubeops pipeline cancel release-x7k2p -n shop`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, run, err := a.open(cmd.Context(), args)
			if err != nil {
				return err
			}
			name := fmt.Sprintf("PipelineRun %s/%s", run.Namespace, run.Name)
			switch {
			case run.Status.Phase.Ended():
				return fmt.Errorf("%s has ended: it is %s", name, run.Status.Phase)
			case run.Status.Phase == v1alpha1.RunFinishing:
				return fmt.Errorf("%s is Finishing: its stages have ended, and those of finally are not canceled", name)
			}
			if _, err := s.Patch(cmd.Context(), connect.PipelineRunKind(), run.Namespace, run.Name, types.MergePatchType,
				[]byte(`{"spec":{"cancel":true}}`)); err != nil {
				return err
			}
			out := printable.NewWriter(streams.Out)
			fmt.Fprintf(out, "%s is being canceled\n", name)
			return out.Flush()
		},
	}
	a.register(cmd, 1)
	return cmd
}

func newPipelineRetry(streams command.Streams) *cobra.Command {
	var a runArguments
	cmd := &cobra.Command{
		Use:   "retry RUN [STAGE]",
		Short: "Repeat a stage of a failed run",
		Long: `Request another attempt of a stage that did not succeed, in spec.retries of a PipelineRun that is Failed. The stages that
were skipped because of the failure run, too, with the spec that the run started with. Without a stage, the run must have
exactly one that did not succeed.

A stage that is Failed with reason TriggerUnknown may have started its work: look for its key first.`,
		Example: `  kubeops pipeline retry release-x7k2p -n shop
  kubeops pipeline retry release-x7k2p deploy -n shop`,
		RunE: func(cmd *cobra.Command, args []string) error { return requestRetry(cmd.Context(), &a, streams, args) },
	}
	a.register(cmd, 2)
	return cmd
}

func requestRetry(ctx context.Context, a *runArguments, streams command.Streams, args []string) error {
	s, run, err := a.open(ctx, args)
	if err != nil {
		return err
	}
	if run.Status.Phase != v1alpha1.RunFailed {
		next := "wait for its end"
		if run.Status.Phase.Ended() {
			next = "start another one with " + string(remedy.Command("kubeops pipeline run %s -n %s",
				run.Spec.PipelineRef.Name, run.Namespace).Code())
		}
		return fmt.Errorf("PipelineRun %s/%s is %s, and only one that is Failed can be retried; %s", run.Namespace, run.Name,
			orPending(run.Status.Phase), next)
	}
	stage, err := pick(run, args, "did not succeed",
		func(stage *v1alpha1.StageStatus) bool { return stage.Phase.Failed() && !stage.Finally })
	if err != nil {
		return err
	}
	retries := slices.DeleteFunc(slices.Clone(run.Spec.Retries), func(r v1alpha1.StageAttempt) bool { return r.Stage == stage.Name })
	retries = append(retries, v1alpha1.StageAttempt{Stage: stage.Name, Attempt: stage.Attempt + 1})
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": run.ResourceVersion}, "spec": map[string]any{"retries": retries},
	})
	if err != nil {
		return err
	}
	if _, err := s.Patch(ctx, connect.PipelineRunKind(), run.Namespace, run.Name, types.MergePatchType, patch); err != nil {
		return err
	}
	out := printable.NewWriter(streams.Out)
	fmt.Fprintf(out, "Requested attempt %d of stage %s of PipelineRun %s/%s\n", stage.Attempt+1, stage.Name, run.Namespace, run.Name)
	return out.Flush()
}
