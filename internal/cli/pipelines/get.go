package pipelines

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/printable"
)

type pipelineViewOptions struct {
	runArguments
	output  string
	formats []string
}

func newPipelineGet(streams command.Streams) *cobra.Command {
	o := pipelineViewOptions{formats: []string{"table", "json", "yaml"}}
	return o.command(&cobra.Command{
		Use:   "get RUN",
		Short: "Show the stages of a run",
		Long: `Show where a PipelineRun stands: each stage with its phase, attempt, duration and message, the diagnosis of failed stages,
and the outputs of those that succeeded.`,
		Example: `  kubeops pipeline get release-x7k2p -n shop
  kubeops pipeline get release-x7k2p -n shop -o json`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.show(cmd, streams, args, printRun) },
	})
}

func newPipelineGraph(streams command.Streams) *cobra.Command {
	o := pipelineViewOptions{formats: []string{"text", "mermaid", "json"}}
	return o.command(&cobra.Command{
		Use:   "graph RUN",
		Short: "Show how the stages of a run depend on each other",
		Long: `Show the stages of a PipelineRun in the order in which they can start, with those that each one waits for. "-o mermaid"
prints a diagram that GitHub, GitLab and many editors draw.`,
		Example: `  kubeops pipeline graph release-x7k2p -n shop
  kubeops pipeline graph release-x7k2p -n shop -o mermaid`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.show(cmd, streams, args, printGraph) },
	})
}

func (o *pipelineViewOptions) command(cmd *cobra.Command) *cobra.Command {
	o.register(cmd, 1)
	cmd.Flags().StringVarP(&o.output, "output", "o", o.formats[0], "format: "+terminal.JoinWords(o.formats))
	command.CompleteValues(cmd, "output", o.formats...)
	return cmd
}

// show a run: as people read it, or in another format.
func (o *pipelineViewOptions) show(
	cmd *cobra.Command, streams command.Streams, args []string, text func(io.Writer, *v1alpha1.PipelineRun) error,
) error {
	if !slices.Contains(o.formats, o.output) {
		return command.InvalidValue("-o", o.output, o.formats...)
	}
	_, run, err := o.open(cmd.Context(), args)
	if err != nil {
		return err
	}
	run.ManagedFields = nil
	switch o.output {
	case "json":
		return render.JSON(streams.Out, run)
	case "yaml":
		return render.YAML(streams.Out, run)
	case "mermaid":
		_, err := io.WriteString(streams.Out, mermaid(run))
		return err
	}
	return text(streams.Out, run)
}

// printRun prints the stages of a run as a table.
func printRun(w io.Writer, run *v1alpha1.PipelineRun) error {
	text := &terminal.Writer{W: w, Width: terminal.Width(w)}
	text.Line("PipelineRun %s/%s of Pipeline %s: %s", run.Namespace, run.Name, run.Spec.PipelineRef.Name,
		string(orPending(run.Status.Phase)))
	if message := outcome.Explanation(run.Status.Conditions); message != "" {
		text.Paragraph("  ", message)
	}
	if len(run.Status.Stages) == 0 || text.Err != nil {
		return text.Err
	}
	text.Line("")
	rows := [][]string{{"STAGE", "TYPE", "PHASE", "ATTEMPT", "DURATION", "REASON"}}
	for _, stage := range run.Status.Stages {
		attempt := ""
		if stage.Attempt > 0 {
			attempt = fmt.Sprint(stage.Attempt)
		}
		rows = append(rows, []string{stage.Name, string(stage.Type), string(stage.Phase), attempt, attemptDuration(stage), stage.Reason})
	}
	if err := terminal.PrintColumns(w, rows); err != nil {
		return err
	}
	for _, stage := range run.Status.Stages {
		printStage(text, stage)
	}
	return text.Err
}

// printStage prints what a stage has to say beside its phase.
func printStage(text *terminal.Writer, stage v1alpha1.StageStatus) {
	if stage.Message == "" && len(stage.Outputs) == 0 && len(stage.Diagnosis) == 0 && stage.Rollback == nil {
		return
	}
	text.Line("")
	text.Paragraph(stage.Name+": ", stage.Message)
	if stage.ExternalURL != "" {
		text.Line("  %s", stage.ExternalURL)
	}
	for _, line := range stage.Diagnosis {
		text.Line("  | %s", line)
	}
	var keys []string
	for key := range stage.Outputs {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		text.Line("  %s=%s", key, stage.Outputs[key])
	}
	if r := stage.Rollback; r != nil {
		text.Paragraph("  ", strings.TrimSpace(fmt.Sprintf("rollback: %s %s %s", r.Phase, r.Reason, r.Message)))
	}
}

// attemptDuration of the last attempt; empty before it started.
func attemptDuration(stage v1alpha1.StageStatus) string {
	if stage.StartTime == nil {
		return ""
	}
	end := time.Now()
	if stage.CompletionTime != nil {
		end = stage.CompletionTime.Time
	}
	return max(end.Sub(stage.StartTime.Time), 0).Round(time.Second).String()
}

// printGraph prints the stages with those that they wait for.
func printGraph(w io.Writer, run *v1alpha1.PipelineRun) error {
	if len(run.Status.Stages) == 0 {
		text := &terminal.Writer{W: w, Width: terminal.Width(w)}
		text.Line("PipelineRun %s/%s has not started: it is %s", run.Namespace, run.Name, string(orPending(run.Status.Phase)))
		return text.Err
	}
	rows := [][]string{{"STAGE", "PHASE", "AFTER"}}
	for _, stage := range run.Status.Stages {
		after := strings.Join(stage.After, ", ")
		if stage.Finally {
			after = "(finally)"
		}
		rows = append(rows, []string{stage.Name, string(stage.Phase), after})
	}
	return terminal.PrintColumns(w, rows)
}

// mermaid is a flowchart of the stages. Their names and phases are of fixed alphabets; what is stored may not be.
func mermaid(run *v1alpha1.PipelineRun) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	node := map[string]string{}
	safe := func(text string) string {
		return strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "`", "#96;").Replace(printable.Line(text))
	}
	for i, stage := range run.Status.Stages {
		node[stage.Name] = fmt.Sprintf("s%d", i)
		fmt.Fprintf(&b, "  s%d[\"%s<br/>%s\"]:::%s\n", i, safe(stage.Name), safe(string(stage.Phase)), class(stage.Phase))
	}
	waited := map[string]bool{}
	for _, stage := range run.Status.Stages {
		for _, earlier := range stage.After {
			waited[earlier] = true
			fmt.Fprintf(&b, "  %s --> %s\n", node[earlier], node[stage.Name])
		}
	}
	for _, last := range run.Status.Stages {
		for _, final := range run.Status.Stages {
			if !last.Finally && !waited[last.Name] && final.Finally {
				fmt.Fprintf(&b, "  %s -.-> %s\n", node[last.Name], node[final.Name])
			}
		}
	}
	b.WriteString("  classDef ok fill:#d1f0d9,stroke:#2f8f4e\n  classDef bad fill:#f8d4d4,stroke:#b3261e\n" +
		"  classDef active fill:#d6e4fb,stroke:#2b62c4\n  classDef idle fill:#eeeeee,stroke:#888888\n")
	return b.String()
}

// class of a phase in the diagram.
func class(phase v1alpha1.StagePhase) string {
	switch {
	case phase == v1alpha1.StageSucceeded:
		return "ok"
	case phase.Failed():
		return "bad"
	case phase == v1alpha1.StageWaiting, phase == v1alpha1.StageSkipped:
		return "idle"
	}
	return "active"
}
