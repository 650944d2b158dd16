// Package pipelines implements "kubeops pipeline", which starts, follows and steers PipelineRuns.
package pipelines

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
)

// NewCommand is "kubeops pipeline" with its subcommands.
func NewCommand(streams command.Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pipeline",
		Short: "Run Pipelines, approve their stages, and show where they stand",
		Long: `Work with Pipelines and their runs. "get" and "graph" only read. "run" creates a PipelineRun, "approve" an Approval in your
name, and "cancel" and "retry" change the spec of a run. The controller in the cluster does the rest.`,
		Example: `  kubeops pipeline run release -n shop -p version=1.2 --wait
  kubeops pipeline get release-x7k2p -n shop
  kubeops pipeline approve release-x7k2p -n shop`,
		Args: command.OnlySubcommands,
		RunE: command.PrintHelp,
	}
	cmd.AddCommand(newPipelineRun(streams), newPipelineGet(streams), newPipelineGraph(streams), newPipelineApprove(streams),
		newPipelineCancel(streams), newPipelineRetry(streams), newPipelineLogs(streams))
	return cmd
}

// runArguments are RUN [STAGE].
type runArguments struct{ cluster connect.ClusterFlags }

// register the flags and the completion of a command with the arguments RUN, or RUN and STAGE.
func (a *runArguments) register(cmd *cobra.Command, maximum int) {
	a.cluster.Register(cmd.Flags())
	a.cluster.Complete(cmd)
	runs := a.cluster.CompleteNames(1, connect.PipelineRunKind())
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 || maximum < 2 {
			return runs(cmd, args, typed)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), command.CompletionTimeout)
		defer cancel()
		_, run, err := a.open(ctx, args)
		if err != nil {
			return nil, command.Silent
		}
		return stagesOf(run), command.Silent
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%q requires the name of a PipelineRun; `kubectl get plr` lists them", cmd.CommandPath())
		}
		return command.MaxArguments(maximum)(cmd, args)
	}
}

// open reads the run.
func (a *runArguments) open(ctx context.Context, args []string) (*connect.Store, *v1alpha1.PipelineRun, error) {
	ref, err := connect.ParseReference(args[0], connect.PipelineRunKind())
	if err != nil {
		return nil, nil, err
	}
	s, err := a.cluster.Open()
	if err != nil {
		return nil, nil, err
	}
	run, err := getRun(ctx, s, ref.Name)
	return s, run, err
}

func getRun(ctx context.Context, s *connect.Store, name string) (*v1alpha1.PipelineRun, error) {
	found, err := s.Get(ctx, connect.PipelineRunKind(), name)
	if err != nil {
		return nil, err
	}
	return found.(*v1alpha1.PipelineRun), nil
}

func stagesOf(run *v1alpha1.PipelineRun) []string {
	var names []string
	for _, stage := range run.Status.Stages {
		names = append(names, stage.Name)
	}
	return names
}

// pick is the stage that a command line names, or the only one that matches; what describes these.
func pick(run *v1alpha1.PipelineRun, args []string, what string, matches func(*v1alpha1.StageStatus) bool) (*v1alpha1.StageStatus, error) {
	name := fmt.Sprintf("PipelineRun %s/%s", run.Namespace, run.Name)
	if len(args) > 1 {
		stage := run.Status.Stage(args[1])
		switch {
		case stage == nil && len(run.Status.Stages) == 0:
			return nil, fmt.Errorf("%s has not started: it is %s", name, orPending(run.Status.Phase))
		case stage == nil:
			names := stagesOf(run)
			return nil, fmt.Errorf("%s has no stage %q%s: must be one of %s", name, args[1],
				command.DidYouMean(command.Nearest(names, args[1])), strings.Join(names, ", "))
		case !matches(stage):
			return nil, fmt.Errorf("stage %s of %s is %s, not one that %s", stage.Name, name, stage.Phase, what)
		}
		return stage, nil
	}
	var found []*v1alpha1.StageStatus
	for i := range run.Status.Stages {
		if matches(&run.Status.Stages[i]) {
			found = append(found, &run.Status.Stages[i])
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s is %s and has no stage that %s", name, orPending(run.Status.Phase), what)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, stage := range found {
		names = append(names, stage.Name)
	}
	return nil, fmt.Errorf("%s has several stages that %s: specify one of %s", name, plural(what), strings.Join(names, ", "))
}

// plural of a phrase that starts with a verb: waits for approval.
func plural(what string) string {
	verb, rest, _ := strings.Cut(what, " ")
	switch verb {
	case "is":
		verb = "are"
	case "has":
		verb = "have"
	default:
		verb = strings.TrimSuffix(verb, "s")
	}
	return strings.TrimSpace(verb + " " + rest)
}

func orPending(phase v1alpha1.RunPhase) v1alpha1.RunPhase {
	if phase == "" {
		return v1alpha1.RunPending
	}
	return phase
}

// self is the user as the API server authenticates them. Groups that every user is in are left out.
func selfOf(ctx context.Context, t connect.Target) (authenticationv1.UserInfo, error) {
	clients, err := kubernetes.NewForConfig(t.Config)
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	review, err := clients.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{},
		metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, t.Failed(err, "ask who you are (selfsubjectreviews)")
	}
	user := review.Status.UserInfo
	user.Groups = slices.DeleteFunc(user.Groups, func(group string) bool { return group == "system:authenticated" })
	return user, nil
}
