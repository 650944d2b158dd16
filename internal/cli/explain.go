package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/remedy"
)

type explainOptions struct {
	findingFlags
	output string
	color  string
}

// explainedFinding is what `kubeops explain -o json` prints.
type explainedFinding struct {
	Report  string           `json:"report"`
	Finding v1alpha1.Finding `json:"finding"`
	// Explanation is null if there is none.
	Explanation *v1alpha1.Explanation `json:"explanation"`
}

func newExplain(streams command.Streams) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain FINDING",
		Short: "Print a finding with its explanation and all evidence",
		Long: `Print a finding of the latest report, and what the model of spec.ai wrote about it: the cause, each claim with the evidence
that it cites, and what the model read. FINDING is the id of the finding, a unique prefix of it, or the check and the object
as the table prints them. No model is asked.`,
		Example: `  kubeops explain 4f0c2a -n shop
  kubeops explain pod-crash-looping "Deployment shop/cart" -n inspections
  kubeops explain 4f0c2a -n shop -o yaml`,
	}
	o.register(cmd, "Inspection with the finding (default: the one in the namespace that has it)",
		func(ctx context.Context, finding string) error { return o.run(ctx, streams, finding) })
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "table", "table, json or yaml")
	flags.StringVar(&o.color, "color", "auto", colorHelp)
	command.CompleteValues(cmd, "output", "table", "json", "yaml")
	command.CompleteValues(cmd, "color", "auto", "always", "never")
	return cmd
}

func (o *explainOptions) run(ctx context.Context, streams command.Streams, wanted string) error {
	if err := command.OneOf("-o", o.output, "table", "json", "yaml"); err != nil {
		return err
	}
	printer, err := newPrinter(streams.Out, o.output, o.color, "")
	if err != nil {
		return err
	}
	s, err := o.cluster.Open()
	if err != nil {
		return err
	}
	found, err := findFinding(ctx, s, o.inspection, wanted)
	if err != nil {
		return err
	}
	e := found.report.Explained()[found.finding.ID]
	out := explainedFinding{Report: found.report.Name, Finding: found.finding, Explanation: e}
	switch o.output {
	case "json":
		return render.JSON(streams.Out, out)
	case "yaml":
		return render.YAML(streams.Out, out)
	}
	return printer.explained(found, e)
}

// explained prints a finding, its symptoms, and its explanation with all evidence, or why there is none.
func (p *printer) explained(found *foundFinding, e *v1alpha1.Explanation) error {
	text := &terminal.Writer{W: p.w, Width: p.width}
	p.several = len(found.report.Clusters) > 0
	p.wholeEvidence = true
	symptoms := map[string][]v1alpha1.Finding{}
	for _, f := range found.report.Findings {
		symptoms[f.CausedBy] = append(symptoms[f.CausedBy], f)
	}
	p.cause(text, found.finding, symptoms, render.Compared(found.report.Summary), e)
	if e == nil {
		text.Block(indent, indent, "not explained: "+whyUnexplained(found))
		return text.Err
	}
	p.explanation(text, indent, e)
	if e.Investigation != nil {
		for _, call := range e.Investigation.Calls {
			if call.Refused != "" {
				text.Block(indent+"     "+call.ID+": ", indent+"         ", call.Tool+" "+call.Arguments+" refused: "+call.Refused)
			}
		}
	}
	return text.Err
}

// whyUnexplained says why a finding has no explanation, and what to do.
func whyUnexplained(found *foundFinding) string {
	i := found.inspection
	of := fmt.Sprintf("Inspection %s/%s", i.Namespace, i.Name)
	switch {
	case i.Spec.AI == nil:
		return of + " has no spec.ai; set it to an AIProvider"
	case found.finding.CausedBy != "":
		return fmt.Sprintf("only root causes are explained; %s prints its cause",
			remedy.Command("kubeops explain -n %s %s", i.Namespace, found.finding.CausedBy).Code())
	case i.Status.Explained == nil || !i.Status.Explained.Done:
		return "condition Explained of " + of + " says why"
	}
	return fmt.Sprintf("spec.ai.maxExplanations of %s is %d, and other findings are more severe", of, i.Spec.AI.Explanations())
}
