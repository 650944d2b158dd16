package custom

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
)

// onDeployments is a custom check of Deployments.
func onDeployments(expression string, change ...func(*v1alpha1.CustomCheck)) v1alpha1.CustomCheck {
	check := v1alpha1.CustomCheck{
		ID: "owner-label", Resource: v1alpha1.CustomResource{Group: "apps", Resource: "deployments"},
		Expression: expression, Message: "It is wrong.",
	}
	for _, c := range change {
		c(&check)
	}
	return check
}

func TestCompileErrorsHaveTheirLocation(t *testing.T) {
	message := func(text string) func(*v1alpha1.CustomCheck) {
		return func(c *v1alpha1.CustomCheck) { c.MessageExpression = text }
	}
	match := func(text string) func(*v1alpha1.CustomCheck) { return func(c *v1alpha1.CustomCheck) { c.Match = text } }
	for name, tc := range map[string]struct {
		check v1alpha1.CustomCheck
		want  string // one issue per line
	}{
		"an unknown variable": {
			onDeployments("size(  objct.metadata.labels) > 0"),
			`custom check "owner-label": expression, line 1, column 8: undeclared reference to 'objct'`,
		},
		"on a later line, after wide characters": {
			onDeployments("object.metadata.name != 'größe'\n  && 'ä' != objct.x"),
			`custom check "owner-label": expression, line 2, column 13: undeclared reference to 'objct'`,
		},
		"a syntax error": {
			onDeployments("object.spec.replicas >"),
			`custom check "owner-label": expression, line 1, column 23: Syntax error: mismatched input '<EOF>' expecting`,
		},
		"an unknown function": {
			onDeployments("object.metadata.name.startWith('a')"),
			`custom check "owner-label": expression, line 1, column 31: undeclared reference to 'startWith'`,
		},
		"mismatched types": {
			onDeployments("'a' + 1 == 'b'"),
			`custom check "owner-label": expression, line 1, column 5: found no matching overload for '_+_' applied to '(string, int)'`,
		},
		"a number instead of a boolean": {
			onDeployments("size('abc')"), `custom check "owner-label": expression, line 1, column 1: must evaluate to bool, not int`,
		},
		"an unknown type": {
			onDeployments("object.spec.paused"),
			`custom check "owner-label": expression, line 1, column 1: must evaluate to bool, but its type is unknown: compare it with a ` +
				`value, or convert it with bool(...)`,
		},
		"a message that is not a string": {
			onDeployments("true", message("object.spec.replicas > 1")),
			`custom check "owner-label": messageExpression, line 1, column 1: must evaluate to string, not bool`,
		},
		"a match that is not a boolean": {
			onDeployments("true", match("'prod'")), `custom check "owner-label": match, line 1, column 1: must evaluate to bool, not string`,
		},
		"an unknown fact": {
			onDeployments("facts.pods.ready > 0 && facts.namespaceLabel.team == 'a'"),
			`custom check "owner-label": expression, line 1, column 30: unknown field namespaceLabel in facts: must be one of cluster, dependsOn,`,
		},
		"an invalid regular expression": {
			onDeployments("object.metadata.name.matches('(')"),
			`custom check "owner-label": expression, line 1, column 30: the regular expression is invalid: missing closing ): (`,
		},
		"two errors": {
			onDeployments("a == b"),
			"custom check \"owner-label\": expression, line 1, column 1: undeclared reference to 'a'\n" +
				`custom check "owner-label": expression, line 1, column 6: undeclared reference to 'b'`,
		},
		"excessive nesting": {
			onDeployments(strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300)), `custom check "owner-label": expression, line `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(t.Context(), []v1alpha1.CustomCheck{tc.check})
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v, want an InvalidError", err)
			}
			want := strings.Split(tc.want, "\n")
			if len(invalid.Issues) != len(want) {
				t.Fatalf("%d issues: %v", len(invalid.Issues), invalid.Issues)
			}
			for i, issue := range invalid.Issues {
				if !strings.HasPrefix(issue.String(), want[i]) {
					t.Errorf("got  %s\nwant %s", issue, want[i])
				}
				if strings.Contains(issue.String(), "\n") {
					t.Errorf("more than one line: %q", issue.String())
				}
			}
		})
	}
}

func TestTheDetailPointsAtTheError(t *testing.T) {
	_, err := Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments("true &&\nsize(objct) > 0")})
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	want := "custom check \"owner-label\": expression, line 2, column 6: undeclared reference to 'objct'\n | size(objct) > 0\n | .....^"
	if diff := cmp.Diff(want, invalid.Detail()); diff != "" {
		t.Error(diff)
	}
}

func TestInvalidFieldsAreRejected(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*v1alpha1.CustomCheck)
		want   string
	}{
		"Secrets": {func(c *v1alpha1.CustomCheck) { c.Resource = v1alpha1.CustomResource{Resource: "secrets"} },
			"resource: custom checks cannot read Secrets"},
		"a path as resource": {func(c *v1alpha1.CustomCheck) { c.Resource.Resource = "pods/log" },
			"resource: resource must be a lowercase plural"},
		"a kind as resource": {func(c *v1alpha1.CustomCheck) { c.Resource.Resource = "Deployment" },
			"resource: resource must be a lowercase plural"},
		"a path as group":        {func(c *v1alpha1.CustomCheck) { c.Resource.Group = "../api" }, "resource: group must be"},
		"a path as version":      {func(c *v1alpha1.CustomCheck) { c.Resource.Version = "v1/../.." }, "resource: version must be"},
		"no id":                  {func(c *v1alpha1.CustomCheck) { c.ID = "" }, "id: must be kebab-case"},
		"an id that is too long": {func(c *v1alpha1.CustomCheck) { c.ID = strings.Repeat("a", 54) }, "id: must be kebab-case"},
		"no message":             {func(c *v1alpha1.CustomCheck) { c.Message = "" }, "message or messageExpression is required"},
		"no expression":          {func(c *v1alpha1.CustomCheck) { c.Expression = "" }, "expression: is required"},
		"a very long expression": {func(c *v1alpha1.CustomCheck) { c.Expression = strings.Repeat(" ", 4096) + "true" },
			"expression: is longer than 4096"},
		"a link without https": {func(c *v1alpha1.CustomCheck) { c.Link = "javascript:alert(1)" }, "link: must start with https://"},
		"an unknown severity": {func(c *v1alpha1.CustomCheck) { c.Severity = "bad" },
			`severity: must be critical, high, medium, low or info, not "bad"`},
		"an unknown category": {func(c *v1alpha1.CustomCheck) { c.Category = "taste" }, `category: must be reliability`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments("true", tc.change)})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an issue with %q", err, tc.want)
			}
		})
	}
}

func TestDuplicateIDsAndTooManyChecksAreRejected(t *testing.T) {
	twice := []v1alpha1.CustomCheck{onDeployments("true"), onDeployments("false")}
	if _, err := Compile(t.Context(), twice); err == nil || !strings.Contains(err.Error(), "id: duplicate") {
		t.Errorf("got %v", err)
	}
	var many []v1alpha1.CustomCheck
	for i := range v1alpha1.MaxCustomChecks + 1 {
		many = append(many, onDeployments("true", func(c *v1alpha1.CustomCheck) { c.ID = fmt.Sprintf("c%d", i) }))
	}
	if _, err := Compile(t.Context(), many); err == nil || !strings.Contains(err.Error(), "at most 32 are allowed") {
		t.Errorf("got %v", err)
	}
	if programs, err := Compile(t.Context(), many[:v1alpha1.MaxCustomChecks]); err != nil || len(programs) != v1alpha1.MaxCustomChecks {
		t.Errorf("%d programs, %v", len(programs), err)
	}
}

func TestKubernetesLibrariesAreAvailable(t *testing.T) {
	for _, expression := range []string{
		"quantity(object.spec.size).isGreaterThan(quantity('1Gi'))", "url('https://a.b/c').getHost() == 'a.b'", "ip('10.0.0.1').family() == 4",
		"cidr('10.0.0.0/8').containsIP(object.spec.ip)", "'a1'.find('[0-9]') == '1'", "object.?spec.?replicas.orValue(0) > 1",
		"now - timestamp(object.metadata.creationTimestamp) < duration('24h')", "isSemver('1.2.3')", "sets.contains([1], [1])",
		"object.metadata.labels.all(k, v, v != '')", "[1, 2].sum() == 3",
	} {
		if _, err := Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments(expression)}); err != nil {
			t.Error(err)
		}
	}
}

func TestUsedFactsAreDetected(t *testing.T) {
	for expression, want := range map[string][]string{
		"object.metadata.name != 'facts'":                                         nil,
		"facts.pods.count > 0 && facts.pods.ready > 0":                            {"pods"},
		"has(facts.owner) && facts.namespaceLabels.env == 'prod'":                 {"namespaceLabels", "owner"},
		"[1].all(i, facts.version != string(i))":                                  {"version"},
		"size(facts) > 0":                                                         allFields(),
		"facts[object.metadata.name] == 1":                                        allFields(),
		"facts.?pods.?count.orValue(0) == 0":                                      allFields(),
		"[object].map(o, facts.findings).exists(l, 'pod-crash-looping' in l)":     {"findings"},
		"facts.dependsOn.all(d, d.exists) && facts.events.size() == 0":            {"dependsOn", "events"},
		"facts.cluster == 'local' || object.metadata.namespace == facts.cluster ": {"cluster"},
	} {
		programs, err := Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments(expression)})
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, programs[0].fields); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
}
