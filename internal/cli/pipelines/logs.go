package pipelines

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/printable"
)

// maxLogLine is how much of a line of a log is printed, in bytes.
const maxLogLine = 64 << 10

type pipelineLogsOptions struct {
	runArguments
	follow bool
}

func newPipelineLogs(streams command.Streams) *cobra.Command {
	var o pipelineLogsOptions
	cmd := &cobra.Command{
		Use:   "logs RUN [STAGE]",
		Short: "Print the log of a job stage",
		Long: `Print the log of the newest Pod of a stage of type job, with your own permissions. Without a stage, the run must have exactly
one whose Job has started.`,
		Example: `  kubeops pipeline logs release-x7k2p build -n shop
  kubeops pipeline logs release-x7k2p build -n shop --follow`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), streams, args) },
	}
	o.register(cmd, 2)
	cmd.Flags().BoolVar(&o.follow, "follow", false, "wait for the Pod, and print lines as they are written")
	return cmd
}

func (o *pipelineLogsOptions) run(ctx context.Context, streams command.Streams, args []string) error {
	s, run, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if len(args) > 1 {
		if named := run.Status.Stage(args[1]); named != nil && named.Type == v1alpha1.StageBuild && named.ExternalURL != "" {
			return fmt.Errorf("stage %s is a build, whose log is on its server: %s", named.Name, named.ExternalURL)
		}
	}
	stage, err := pick(run, args, "has a Job", func(stage *v1alpha1.StageStatus) bool {
		return stage.Type == v1alpha1.StageJob && stage.Key != ""
	})
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(s.Target.Config)
	if err != nil {
		return err
	}
	var pod *corev1.Pod
	ready := func(ctx context.Context) (bool, error) {
		pod, err = newestPod(ctx, s.Target, clients, run.Namespace, stage.Key)
		return pod != nil && pod.Status.Phase != corev1.PodPending, err
	}
	if o.follow {
		err = connect.NewPoller(streams.Err).Until(ctx, ready)
	} else {
		_, err = ready(ctx)
	}
	switch {
	case err != nil:
		return err
	case pod == nil:
		return fmt.Errorf("stage %s of PipelineRun %s/%s has no Pod: its Job %s has not created one, or it was deleted", stage.Name,
			run.Namespace, run.Name, stage.Key)
	}
	if pod.Status.Phase == corev1.PodPending {
		return fmt.Errorf("pod %s/%s is Pending, so it has no log yet; wait for it with --follow", pod.Namespace, pod.Name)
	}
	container := pod.Spec.Containers[0].Name
	stream, err := clients.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container,
		Follow: o.follow}).Stream(ctx)
	if err != nil {
		return s.Target.Failed(err, fmt.Sprintf("get the log of Pod %s/%s", pod.Namespace, pod.Name))
	}
	defer func() { _ = stream.Close() }()
	return copyLines(streams.Out, stream)
}

// newestPod of a Job; nil if there is none.
func newestPod(ctx context.Context, t connect.Target, clients kubernetes.Interface, namespace, job string) (*corev1.Pod, error) {
	list, err := clients.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + job})
	if err != nil {
		return nil, t.Failed(err, "list Pods in namespace "+namespace)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	newest := slices.MaxFunc(list.Items, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return &newest, nil
}

// copyLines prints a log such that its text cannot act on the terminal. Longer lines are printed in parts.
func copyLines(w io.Writer, log io.Reader) error {
	lines := bufio.NewReaderSize(log, maxLogLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			if _, err := fmt.Fprintln(w, printable.NoCommand(printable.Block(strings.TrimRight(string(line), "\r\n")))); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
