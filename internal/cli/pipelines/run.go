package pipelines

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
)

// defaultPipelineWait is the default of --timeout.
const defaultPipelineWait = time.Hour

type pipelineRunOptions struct {
	cluster    connect.ClusterFlags
	parameters []string
	wait       bool
	timeout    time.Duration
}

func newPipelineRun(streams command.Streams) *cobra.Command {
	var o pipelineRunOptions
	cmd := &cobra.Command{
		Use:   "run PIPELINE",
		Short: "Start a run of a Pipeline",
		Long: `Create a PipelineRun of a Pipeline, with your name as the one who requested it. With --wait, the command follows the run to
its end. Progress goes to stderr.

Exit codes:
  0  the run was created; with --wait, it succeeded
  1  with --wait, the run failed or was canceled
  2  usage error, or the run did not end within --timeout`,
		Example: `  kubeops pipeline run release -n shop
  kubeops pipeline run release -n shop -p version=1.2 -p deploy=true
  kubeops pipeline run release -n shop -p version=1.2 --wait --timeout 30m`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%q requires the name of a Pipeline; `kubectl get pl` lists them", cmd.CommandPath())
			}
			return command.MaxArguments(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), streams, args[0]) },
	}
	o.cluster.Register(cmd.Flags())
	o.cluster.Complete(cmd)
	cmd.Flags().StringArrayVarP(&o.parameters, "parameter", "p", nil, "`string` NAME=VALUE with the value of a parameter; can be repeated")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait for the end of the run")
	cmd.Flags().DurationVar(&o.timeout, "timeout", defaultPipelineWait, "with --wait: how long to wait")
	command.CompleteWith(cmd, "parameter", o.completeParameters)
	cmd.ValidArgsFunction = o.cluster.CompleteNames(1, connect.PipelineKind())
	return cmd
}

// completeParameters completes the names of parameters.
func (o *pipelineRunOptions) completeParameters(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, command.Silent
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), command.CompletionTimeout)
	defer cancel()
	s, err := o.cluster.Open()
	if err != nil {
		return nil, command.Silent
	}
	found, err := s.Get(ctx, connect.PipelineKind(), args[0])
	if err != nil {
		return nil, command.Silent
	}
	var names []string
	for _, parameter := range found.(*v1alpha1.Pipeline).Spec.Parameters {
		names = append(names, cobra.CompletionWithDesc(parameter.Name+"=", parameter.Description))
	}
	return names, command.Silent | cobra.ShellCompDirectiveNoSpace
}

func (o *pipelineRunOptions) run(ctx context.Context, streams command.Streams, argument string) error {
	if o.timeout <= 0 {
		return fmt.Errorf("invalid --timeout %s: must be positive", o.timeout)
	}
	var parameters []v1alpha1.ParameterValue
	for _, text := range o.parameters {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fmt.Errorf("invalid -p %q: must be NAME=VALUE", text)
		}
		parameters = append(parameters, v1alpha1.ParameterValue{Name: name, Value: value})
	}
	ref, err := connect.ParseReference(argument, connect.PipelineKind())
	if err != nil {
		return err
	}
	s, err := o.cluster.Open()
	if err != nil {
		return err
	}
	found, err := s.Get(ctx, connect.PipelineKind(), ref.Name)
	if err != nil {
		return err
	}
	definition := found.(*v1alpha1.Pipeline)
	if _, err := pipeline.Parameters(&definition.Spec, parameters); err != nil {
		return err
	}
	user, err := selfOf(ctx, s.Target)
	if err != nil {
		return err
	}
	now := metav1.Now()
	prefix := definition.Name[:min(len(definition.Name), 200)] + "-"
	created, err := s.Create(ctx, connect.PipelineRunKind(), &v1alpha1.PipelineRun{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "PipelineRun"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, GenerateName: prefix},
		Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: definition.Name}, Parameters: parameters, RequestedBy: user.Username,
			RequestedAt: &now,
		},
	})
	if err != nil {
		return err
	}
	name := created.GetName()
	out := printable.NewWriter(streams.Out)
	if !o.wait {
		fmt.Fprintf(out, "Created PipelineRun %s/%s; %s shows where it stands\n", s.Namespace, name,
			remedy.Command("kubeops pipeline get %s -n %s", name, s.Namespace).Code())
	}
	if definition.Spec.Suspend {
		fmt.Fprintf(printable.NewWriter(streams.Err), "warning: Pipeline %s is suspended, so the run waits until spec.suspend is removed\n",
			definition.Name)
	}
	if !o.wait {
		return out.Flush()
	}
	return followRun(ctx, s, streams, name, o.timeout)
}

// follow a run to its end.
func followRun(ctx context.Context, s *connect.Store, streams command.Streams, name string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	progress := printable.NewWriter(streams.Err)
	last := ""
	var run *v1alpha1.PipelineRun
	err := connect.NewPoller(streams.Err).Until(ctx, func(ctx context.Context) (bool, error) {
		if run != nil && time.Now().After(deadline) {
			return false, fmt.Errorf("PipelineRun %s/%s did not end within --timeout %s; it goes on in the cluster", s.Namespace, name,
				timeout)
		}
		found, err := getRun(ctx, s, name)
		if err != nil {
			return false, err
		}
		run = found
		line := fmt.Sprintf("PipelineRun %s is %s", name, orPending(run.Status.Phase))
		if message := outcome.Explanation(run.Status.Conditions); message != "" && !run.Status.Phase.Ended() {
			line += ": " + message
		}
		if line != last {
			fmt.Fprintln(progress, line)
		}
		last = line
		return run.Status.Phase.Ended(), nil
	})
	if err != nil {
		return err
	}
	if err := printRun(streams.Out, run); err != nil {
		return err
	}
	if run.Status.Phase != v1alpha1.RunSucceeded {
		return &command.FindingsError{Text: fmt.Sprintf("PipelineRun %s/%s is %s", s.Namespace, name, run.Status.Phase)}
	}
	return nil
}
