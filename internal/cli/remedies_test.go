package cli

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/testkit"
)

// commandsIn returns the commands of a text.
func commandsIn(text string) []string {
	var commands []string
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			commands = append(commands, part)
		}
	}
	return commands
}

// TestRemediesOfAllChecksRunAsPasted walks the catalogue: a shell parses each command, and a table of any width has it on one line. That
// values are quoted is checked by the tests of packages remedy and style, which let nothing else build a command.
func TestRemediesOfAllChecksRunAsPasted(t *testing.T) {
	placeholder := regexp.MustCompile(`<[^<>|&;]+>`)
	commands := 0
	for _, c := range checks.Builtin() {
		text := string(c.Remediation)
		if strings.Count(text, "`")%2 != 0 || !printable.Is(text) {
			t.Errorf("%s: backquotes without a partner, or a character that is not printable: %s", c.ID, text)
		}
		for _, width := range []int{40, 80, 250} {
			lines := terminal.Wrap(text, width)
			for _, command := range commandsIn(text) {
				if !strings.Contains(strings.Join(lines, "\n"), "`"+command+"`") {
					t.Errorf("%s: the command %q is broken at %d columns", c.ID, command, width)
				}
			}
		}
		for _, command := range commandsIn(text) {
			if strings.HasPrefix(command, "-") { // a flag
				continue
			}
			commands++
			script := placeholder.ReplaceAllString(command, "x")
			if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", script).CombinedOutput(); err != nil {
				t.Errorf("%s: sh does not parse %q: %v: %s", c.ID, command, err, out)
			}
		}
	}
	if commands < 100 {
		t.Errorf("only %d commands", commands)
	}
}

// TestNoRemedyOfAnyCheckChangesWhatASourceOwns walks the catalogue with an object of a Helm release of each kind that remedies change.
func TestNoRemedyOfAnyCheckChangesWhatASourceOwns(t *testing.T) {
	const metadata = "metadata: {name: cart, namespace: shop, annotations: {meta.helm.sh/release-name: shop, " +
		"meta.helm.sh/release-namespace: shop}}\n"
	documents := "apiVersion: apps/v1\nkind: Deployment\n" + metadata + "---\napiVersion: v1\nkind: ConfigMap\n" + metadata +
		"---\napiVersion: v1\nkind: Service\n" + metadata + "---\napiVersion: batch/v1\nkind: CronJob\n" + metadata +
		"---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n" + metadata
	g := testkit.Graph(t, documents)
	var all []check.Check
	var findings []causes.Linked
	for _, c := range checks.Builtin() {
		all = append(all, c)
		for _, kind := range []facts.Kind{facts.Deployment, facts.ConfigMap, facts.Service, facts.CronJob, facts.Role} {
			object := facts.Ref{Kind: kind, Namespace: "shop", Name: "cart"}
			findings = append(findings, causes.Linked{ID: c.ID + string(kind), CausedBy: -1, Finding: check.Finding{
				Check: c.ID, Object: object, Severity: c.Severity, Message: "m", Remediation: c.Remediation}})
		}
	}
	read := report.New(report.Input{
		Graph: g, Findings: findings, Checks: all, Start: testkit.Now(), Redact: func(text string) string { return text },
		Bounds: report.Bounds{Findings: len(findings), Bytes: 64 << 20},
	})
	if len(read.Findings) < len(checks.Builtin()) {
		t.Fatalf("%d findings", len(read.Findings))
	}
	for _, f := range read.Findings {
		if f.Remediation != "" && !strings.Contains(f.Remediation, "the Helm chart of release shop (namespace shop)") {
			t.Errorf("%s: the source is missing: %s", f.Check, f.Remediation)
		}
		remedy.Rewrite(remedy.Authored(f.Remediation), func(words []string) (remedy.Text, bool) {
			for _, call := range kubectl.Parse(words) {
				if call.Changes() && !call.About(facts.Pod, facts.Node) {
					t.Errorf("%s: %s", f.Check, f.Remediation)
				}
			}
			return "", false
		})
	}
}
