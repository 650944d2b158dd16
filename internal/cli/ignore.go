package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/source"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxReason is the maximum length of a reason in the API, in runes.
	maxReason = 512
	// maxIgnoreRules of an Inspection in the API.
	maxIgnoreRules = 128
)

type ignoreOptions struct {
	findingFlags
	reason  string
	expires string
	output  string
	dryRun  bool
}

func newIgnore(streams command.Streams) *cobra.Command {
	var o ignoreOptions
	cmd := &cobra.Command{
		Use:   "ignore FINDING",
		Short: "Accept a finding with a reason",
		Long: `Add an ignore rule for a finding to the Inspection whose latest report has it. FINDING is the id of the finding, a unique
prefix of it, or the check and the object as the table prints them. The rule applies from the next run, and the findings
that the ignored one causes are ignored with it.

The rule matches the check, the namespace and the name of the object. A rule with the same three is replaced. With
--dry-run, the rule is printed as YAML for spec.ignore, and nothing is changed. If Argo CD, Flux or Helm manages the
Inspection, put the rule into its source: the next sync can remove it otherwise.`,
		Example: `  kubeops ignore 4f0c2a --reason "moves to the new cluster" --expires 30d -n shop
  kubeops ignore configmap-key-missing "Deployment shop/cart" --reason "known, see OPS-17" --expires 2026-12-31 -n inspections
  kubeops ignore service-no-ready-endpoints/shop/legacy --reason "switched off on purpose" --dry-run -n inspections`,
	}
	o.register(cmd, "Inspection to change (default: the one in the namespace that has the finding)",
		func(ctx context.Context, finding string) error { return o.run(ctx, streams, finding) })
	flags := cmd.Flags()
	flags.StringVar(&o.reason, "reason", "", "why the finding is accepted (required)")
	flags.StringVar(&o.expires, "expires", "",
		"when the rule ends: a duration such as 30d or 12h, or a date such as 2026-12-31, its last day (default: never)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the rule, and change nothing")
	flags.StringVarP(&o.output, "output", "o", "yaml", "with --dry-run: yaml or json")
	command.CompleteValues(cmd, "output", "yaml", "json")
	return cmd
}

func (o *ignoreOptions) run(ctx context.Context, streams command.Streams, finding string) error {
	expires, err := o.validate(time.Now())
	if err != nil {
		return err
	}
	s, err := o.cluster.Open()
	if err != nil {
		return err
	}
	found, err := findFinding(ctx, s, o.inspection, finding)
	if err != nil {
		return err
	}
	rule := ruleOf(found.finding, o.reason, expires)
	warnings := printable.NewWriter(streams.Err)
	owner := fmt.Sprintf("Inspection %s/%s", found.inspection.Namespace, found.inspection.Name)
	if source := source.Of(found.inspection); source != "" {
		fmt.Fprintf(warnings, "warning: %s is managed by %s: add the rule to spec.ignore in its source, or the next sync can remove it\n",
			owner, source)
	}
	if others := found.alsoMatched(rule); others > 0 {
		fmt.Fprintf(warnings, "warning: the rule also matches %s of this report\n",
			terminal.Count(others, "other finding", "other findings"))
	}
	if o.dryRun {
		return printRule(streams.Out, rule, o.output, owner)
	}
	change, err := addRule(ctx, s, found.inspection, rule)
	if err != nil {
		return err
	}
	out := printable.NewWriter(streams.Out)
	fmt.Fprintf(out, "%s: %s for %s %s; it applies from the next run\n", owner, change, rule.Check, objectName(found.finding.Object))
	return out.Flush()
}

// validate checks the flags, and returns the time at which the rule expires; nil for never.
func (o *ignoreOptions) validate(now time.Time) (*metav1.Time, error) {
	switch {
	case strings.TrimSpace(o.reason) == "":
		return nil, errors.New("--reason is required: a rule without a reason cannot be reviewed later")
	case len([]rune(o.reason)) > maxReason:
		return nil, fmt.Errorf("--reason has %d characters; the maximum is %d", len([]rune(o.reason)), maxReason)
	case o.output != "yaml" && o.output != "json":
		return nil, command.InvalidValue("-o", o.output, "yaml", "json")
	}
	return parseExpires(o.expires, now)
}

// parseExpires reads a number of days, a duration, a date or a time of RFC 3339, which must be in the future. A rule with a date
// applies until the end of that day in UTC. An empty value is nil.
func parseExpires(value string, now time.Time) (*metav1.Time, error) {
	if value == "" {
		return nil, nil
	}
	invalid := fmt.Errorf("invalid --expires %q: must be a duration such as 30d or 12h, or a date such as 2026-12-31", value)
	at := time.Time{}
	if days, isDays := strings.CutSuffix(value, "d"); isDays {
		n, err := strconv.Atoi(days)
		if err != nil || n > 36500 {
			return nil, invalid
		}
		at = now.AddDate(0, 0, n)
	} else if duration, err := time.ParseDuration(value); err == nil {
		at = now.Add(duration)
	} else if date, err := time.Parse(time.DateOnly, value); err == nil {
		at = date.AddDate(0, 0, 1)
	} else if at, err = time.Parse(time.RFC3339, value); err != nil {
		return nil, invalid
	}
	if !at.After(now) {
		return nil, fmt.Errorf("invalid --expires %q: it is in the past", value)
	}
	expires := metav1.NewTime(at.UTC().Truncate(time.Second))
	return &expires, nil
}

// ruleOf matches one finding. Names of objects can contain characters of globs, which are escaped.
func ruleOf(f v1alpha1.Finding, reason string, expires *metav1.Time) v1alpha1.IgnoreRule {
	name := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(f.Object.Name)
	return v1alpha1.IgnoreRule{Check: f.Check, Namespace: f.Object.Namespace, Name: name, Reason: reason, Expires: expires}
}

// sameTarget reports whether two rules match the same findings.
func sameTarget(a, b v1alpha1.IgnoreRule) bool {
	return a.Check == b.Check && a.Namespace == b.Namespace && a.Name == b.Name
}

func printRule(w io.Writer, rule v1alpha1.IgnoreRule, output, owner string) error {
	if output == "json" {
		return render.JSON(w, rule)
	}
	content, err := yaml.Marshal([]v1alpha1.IgnoreRule{rule})
	if err != nil {
		return err
	}
	safe := printable.NewWriter(w)
	fmt.Fprintf(safe, "# Add to spec.ignore of %s:\n%s", owner, content)
	return safe.Flush()
}

// addRule adds or replaces a rule, and returns what it did. The patch holds for the version of the object that was read: if another
// write came first, it reads again.
func addRule(ctx context.Context, s *connect.Store, inspection *v1alpha1.Inspection, rule v1alpha1.IgnoreRule) (change string, err error) {
	in := s.In(inspection.Namespace)
	err = retry.RetryOnConflict(conflictBackoff(), func() error {
		var body []byte
		if body, change, err = rulePatch(inspection, rule); err != nil || body == nil {
			return err
		}
		_, err = in.Patch(ctx, connect.InspectionKind(), inspection.Namespace, inspection.Name, types.JSONPatchType, body)
		if !apierrors.IsConflict(err) {
			return err
		}
		current, getErr := in.Get(ctx, connect.InspectionKind(), inspection.Name)
		if getErr != nil {
			return getErr
		}
		inspection = current.(*v1alpha1.Inspection)
		return err
	})
	return change, err
}

// conflictBackoff outlasts a dozen of other writers.
func conflictBackoff() wait.Backoff {
	return wait.Backoff{Steps: 12, Duration: 10 * time.Millisecond, Factor: 1.5, Jitter: 1}
}

// rulePatch is the JSON patch that adds a rule, or nil if the Inspection has the same one. It fails with a conflict if the object is
// no longer the one that was read.
func rulePatch(inspection *v1alpha1.Inspection, rule v1alpha1.IgnoreRule) (body []byte, change string, err error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	operations := []operation{{"replace", "/metadata/resourceVersion", inspection.ResourceVersion}}
	rules := inspection.Spec.Ignore
	change = "added an ignore rule"
	switch at := ruleIndex(rules, rule); {
	case at >= 0 && rules[at].Reason == rule.Reason && rules[at].Expires.Equal(rule.Expires):
		return nil, "has this ignore rule already", nil
	case at >= 0:
		operations = append(operations, operation{"replace", fmt.Sprintf("/spec/ignore/%d", at), rule})
		change = "replaced the ignore rule"
	case len(rules) == 0:
		operations = append(operations, operation{"add", "/spec/ignore", []v1alpha1.IgnoreRule{rule}})
	case len(rules) >= maxIgnoreRules:
		return nil, "", fmt.Errorf("inspection %s/%s has %d ignore rules, the maximum; remove one, or use a glob for several findings",
			inspection.Namespace, inspection.Name, len(rules))
	default:
		operations = append(operations, operation{"add", "/spec/ignore/-", rule})
	}
	body, err = json.Marshal(operations)
	return body, change, err
}

func ruleIndex(rules []v1alpha1.IgnoreRule, rule v1alpha1.IgnoreRule) int {
	for i := range rules {
		if sameTarget(rules[i], rule) {
			return i
		}
	}
	return -1
}

// alsoMatched counts the other findings of the report that a rule matches.
func (f *foundFinding) alsoMatched(rule v1alpha1.IgnoreRule) int {
	n := 0
	for _, other := range f.report.Findings {
		if other.ID != f.finding.ID && other.Check == rule.Check && text.Match(rule.Name, other.Object.Name) &&
			(rule.Namespace == "" || rule.Namespace == other.Object.Namespace) {
			n++
		}
	}
	return n
}
