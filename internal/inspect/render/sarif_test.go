package render

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestSARIFIsValid(t *testing.T) {
	schema := sarifSchemaFile(t)
	foreign := sample()
	foreign.Findings[0].Check = "unknown-check"
	foreign.Gaps[0].Reason = "UnknownReason"
	for name, test := range map[string]struct {
		report  *v1alpha1.InspectionReport
		options Options
	}{
		"findings in files":         {sample(), sampleOptions()},
		"findings in a cluster":     {sample(), Options{}},
		"no findings":               {nothing(), sampleOptions()},
		"an empty report":           {&v1alpha1.InspectionReport{}, Options{}},
		"the maximum of findings":   {large(), sampleOptions()},
		"unknown checks and reason": {foreign, sampleOptions()},
	} {
		t.Run(name, func(t *testing.T) {
			text := rendered(t, "sarif", test.report, test.options)
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%v\n%.3000s", err, text)
			}
		})
	}
}

func TestTheSchemaRejectsInvalidSARIF(t *testing.T) {
	text := strings.Replace(rendered(t, "sarif", sample(), Options{}), `"level": "error"`, `"level": "loud"`, 1)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if sarifSchemaFile(t).Validate(value) == nil {
		t.Error("the schema accepts an invalid level: the other tests prove nothing")
	}
}

func sarifSchemaFile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	value, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(sarifSchema, value); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile(sarifSchema)
}

func parsedSARIF(t *testing.T, report *v1alpha1.InspectionReport, options Options) sarifRun {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(rendered(t, "sarif", report, options)), &log); err != nil {
		t.Fatal(err)
	}
	return log.Runs[0]
}

func TestSARIFResultsHaveRulesLocationsAndCauses(t *testing.T) {
	run := parsedSARIF(t, sample(), sampleOptions())
	for _, r := range run.Results {
		if rule := run.Tool.Driver.Rules[r.RuleIndex]; rule.ID != r.RuleID {
			t.Errorf("result of %s refers to rule %s", r.RuleID, rule.ID)
		}
		if r.PartialFingerprints[sarifFingerprint] == "" || r.Properties["severity"] == nil {
			t.Errorf("result of %s has no fingerprint or severity: %+v", r.RuleID, r)
		}
	}
	first := run.Results[0]
	service := run.Results[2]
	place := first.Locations[0].PhysicalLocation
	if place == nil || place.ArtifactLocation != (sarifArtifact{"deploy/base%20files/web.yaml", sarifRoot}) ||
		place.Region.StartLine != 12 {
		t.Errorf("location of the first result: %+v", place)
	}
	if place := service.Locations[0].PhysicalLocation; place.ArtifactLocation.URI != "./a:b.yaml" || place.Region != nil {
		t.Errorf("location without a line: %+v", place)
	}
	if name := first.Locations[0].LogicalLocations[0]; name.FullyQualifiedName != "shop/Deployment/web" || name.Kind != "resource" {
		t.Errorf("logical location: %+v", name)
	}
	if node := run.Results[4].Locations[0]; node.PhysicalLocation == nil || node.PhysicalLocation.Region != nil ||
		node.PhysicalLocation.ArtifactLocation != place.ArtifactLocation ||
		node.LogicalLocations[0].FullyQualifiedName != "Node/worker-2" {
		t.Errorf("location of a node: %+v", node)
	}
	if len(service.RelatedLocations) != 1 ||
		!strings.HasPrefix(service.RelatedLocations[0].Message.Text, "Caused by: Deployment web has 0 of 3") {
		t.Errorf("cause of the Service's finding: %+v", service.RelatedLocations)
	}
	if first.Level != "error" || run.Results[5].Level != "warning" || run.Results[6].Level != "note" {
		t.Errorf("levels: %s %s %s", first.Level, run.Results[5].Level, run.Results[6].Level)
	}
	if first.BaselineState != "new" || service.BaselineState != "unchanged" {
		t.Errorf("baseline states: %q, %q", first.BaselineState, service.BaselineState)
	}
}

func TestSARIFOfFilesLocatesEveryResult(t *testing.T) {
	report := sample()
	report.Findings[4].Evidence = append(report.Findings[4].Evidence,
		v1alpha1.Evidence{Source: v1alpha1.EvidenceSpec, Text: "file: deploy/copy.yaml:7"})
	run := parsedSARIF(t, report, sampleOptions())
	for _, r := range run.Results {
		if r.Locations[0].PhysicalLocation == nil {
			t.Errorf("result of %s has no file", r.RuleID)
		}
	}
	place := run.Results[4].Locations[0].PhysicalLocation
	if place.ArtifactLocation.URI != "deploy/copy.yaml" || place.Region == nil || place.Region.StartLine != 7 {
		t.Errorf("location in the evidence: %+v", place)
	}
	options := sampleOptions()
	options.Locate = nil
	for _, r := range parsedSARIF(t, report, options).Results {
		if r.Locations[0].PhysicalLocation != nil {
			t.Errorf("result of %s on a cluster has a file", r.RuleID)
		}
	}
}

func TestSARIFOfAFirstReportHasNoBaseline(t *testing.T) {
	report := sample()
	report.Summary.Changes = v1alpha1.ChangeCounts{New: 8}
	for _, r := range parsedSARIF(t, report, Options{}).Results {
		if r.BaselineState != "" {
			t.Errorf("%s is %s without a baseline", r.RuleID, r.BaselineState)
		}
	}
}

func TestSARIFGapsAreNotifications(t *testing.T) {
	if !parsedSARIF(t, sample(), Options{}).Invocations[0].ExecutionSuccessful {
		t.Error("optional gaps make the execution fail")
	}
	run := parsedSARIF(t, incomplete(), Options{})
	got := run.Invocations[0].ToolExecutionNotifications
	if run.Invocations[0].ExecutionSuccessful || run.Properties["score"] != nil {
		t.Errorf("an incomplete run succeeded: %+v", run.Properties)
	}
	if len(got) != 2 || got[0].Level != "note" || got[1].Level != "error" || !strings.Contains(got[0].Message.Text, "cannot list secrets") {
		t.Fatalf("notifications: %+v", got)
	}
	for _, n := range got {
		if kind := run.Tool.Driver.Notifications[n.Descriptor.Index]; kind.ID != n.Descriptor.ID {
			t.Errorf("notification %s refers to %s", n.Descriptor.ID, kind.ID)
		}
	}
}

func TestSARIFSecurityRulesHaveASecuritySeverity(t *testing.T) {
	run := parsedSARIF(t, sample(), Options{})
	for _, rule := range run.Tool.Driver.Rules {
		if got := rule.Properties["security-severity"]; (rule.ID == "role-too-wide") != (got == "2.5") {
			t.Errorf("%s has security-severity %v", rule.ID, got)
		}
	}
}

func TestSARIFTextEscapesLinksAndPlaceholders(t *testing.T) {
	for text, want := range map[string]string{
		"see [here](https://evil.example) {0}": `see \[here\](https://evil.example) {{0}}`,
		"args[0] of {name}":                    "args[0] of {name}",
	} {
		if got := sarifText(text); got != want {
			t.Errorf("sarifText(%q) = %q, want %q", text, got, want)
		}
	}
}
