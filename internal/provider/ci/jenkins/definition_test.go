package jenkins

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

// project is a config.xml with a description and parameters.
func project(description string, parameters ...string) string {
	declared := ""
	for _, parameter := range parameters {
		declared += "<hudson.model.StringParameterDefinition><name>" + parameter + "</name><description>about it</description>" +
			"<defaultValue></defaultValue></hudson.model.StringParameterDefinition>"
	}
	return "<project>" + description + "<properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>" + declared +
		"</parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties><builders/></project>"
}

func TestTheMarkIsWrittenIntoTheDescriptionOfTheJobOnly(t *testing.T) {
	for name, tc := range map[string]struct{ content, before, after, description string }{
		"no description": {
			"<project a='b'>\n<builders/></project>", "<project a='b'>", "\n<builders/></project>", "",
		},
		"an empty one": {"<project><x/><description/><y/></project>", "<project><x/>", "<y/></project>", ""},
		"a text": {
			"<project><description>Builds &lt;the&gt; shop</description></project>", "<project>", "</project>", "Builds <the> shop\n",
		},
		"CDATA":      {"<project><description><![CDATA[a < b]]></description></project>", "<project>", "</project>", "a < b\n"},
		"of a child": {"<project><x><description>x</description></x></project>", "<project>", "<x><description>x</description></x></project>", ""},
		"XML 1.1":    {"<?xml version='1.1' encoding='UTF-8'?>\n<project>\n</project>", "<?xml version='1.1' encoding='UTF-8'?>\n<project>", "\n</project>", ""},
		"a comment":  {"<!-- shop --><project>\n</project><!-- end -->", "<!-- shop --><project>", "\n</project><!-- end -->", ""},
		"two spaces": {"<project><description>  </description></project>", "<project>", "</project>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parseDefinition([]byte(tc.content))
			if err != nil {
				t.Fatal(err)
			}
			marked, digest := d.marked("team/shop")
			rest, before := strings.CutPrefix(string(marked), tc.before+"<description>")
			inner, after := strings.CutSuffix(rest, "</description>"+tc.after)
			var shown struct {
				Text string `xml:",chardata"`
			}
			if err := xml.Unmarshal([]byte("<d>"+inner+"</d>"), &shown); err != nil || !before || !after {
				t.Fatalf("%v: %s", err, marked)
			}
			if want := tc.description + managedMark("team/shop", digest); shown.Text != want {
				t.Errorf("the description is %q, want %q", shown.Text, want)
			}
			if owner, got := managedBy(shown.Text); owner != "team/shop" || got != digest {
				t.Errorf("managed by %q with %q", owner, got)
			}
		})
	}
}

func TestAConfigThatCannotBeMarkedIsRefused(t *testing.T) {
	for name, tc := range map[string]struct{ content, want string }{
		"nothing":            {"", "does not end"},
		"no end":             {"<project><a></a>", "does not end"},
		"overlap":            {"<project><a><b></a></b></project>", "elements overlap"},
		"text":               {"hello", "does not end"},
		"a document type":    {"<!DOCTYPE p [<!ENTITY x 'y'>]><project>&x;</project>", "document type"},
		"an unknown entity":  {"<project>&x;</project>", "not well-formed XML (line 1)"},
		"an empty root":      {"<project/>", "empty root"},
		"two roots":          {"<project></project><project></project>", "several root"},
		"two descriptions":   {"<p><description>a</description><description>b</description></p>", "two descriptions"},
		"an element in it":   {"<p><description><b>a</b></description></p>", "element in its description"},
		"another encoding":   {"<?xml version='1.0' encoding='UTF-16'?><p></p>", "not well-formed"},
		"too deep":           {strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65), "deeper than 64"},
		"too large":          {"<p>" + strings.Repeat("x", v1alpha1.MaxJobDefinition) + "</p>", "256 KiB"},
		"a long description": {"<p><description>" + strings.Repeat("x", 9000) + "</description></p>", "8 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseDefinition([]byte(tc.content))
			var wrong errDefinition
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestOnlyTheLastLineOfADescriptionIsTheMark(t *testing.T) {
	digest := strings.Repeat("0", 64)
	for name, tc := range map[string]struct{ description, owner string }{
		"the mark":          {managedMark("team/shop", digest), "team/shop"},
		"after a text":      {"Builds the shop\n" + managedMark("team/shop", digest) + "\n", "team/shop"},
		"before a text":     {managedMark("team/shop", digest) + "\nand more", ""},
		"within a line":     {"Not " + managedMark("team/shop", digest), ""},
		"a changed digest":  {managedMark("team/shop", digest[1:]), ""},
		"a changed text":    {strings.Replace(managedMark("team/shop", digest), "Changes are", "Changes were", 1), ""},
		"the last of two":   {managedMark("other/shop", digest) + "\n" + managedMark("team/shop", digest), "team/shop"},
		"an owner of lines": {managedMark("team/\nshop", digest), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if owner, _ := managedBy(tc.description); owner != tc.owner {
				t.Errorf("the owner is %q, want %q", owner, tc.owner)
			}
		})
	}
}

func TestADefinitionDeclaresTheParametersOfTheStage(t *testing.T) {
	for name, tc := range map[string]struct {
		definition    ci.Definition
		allowUnmarked bool
		reason        string
	}{
		"all":                  {definition: ci.Definition{Config: []byte(project("", Marker, "VERSION"))}},
		"without the marker":   {definition: ci.Definition{Config: []byte(project("", "VERSION"))}, reason: v1alpha1.ReasonMarkerParameterMissing},
		"unmarked":             {definition: ci.Definition{Config: []byte(project("", "VERSION"))}, allowUnmarked: true},
		"without a parameter":  {definition: ci.Definition{Config: []byte(project("", Marker))}, reason: v1alpha1.ReasonParameterMissing},
		"a name elsewhere":     {definition: ci.Definition{Config: []byte("<p><name>" + Marker + "</name></p>")}, reason: v1alpha1.ReasonParameterMissing},
		"a Jenkinsfile":        {definition: ci.Definition{Script: "node { echo '<&>' }"}},
		"no owner":             {definition: ci.Definition{Script: "node {}", Owner: " "}, reason: v1alpha1.ReasonInvalidSpec},
		"what cannot be read":  {definition: ci.Definition{Config: []byte("<p>")}, reason: v1alpha1.ReasonInvalidJobDefinition},
		"a script of controls": {definition: ci.Definition{Script: "node {}\x00"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.definition.Owner == "" {
				tc.definition.Owner = "team/shop"
			}
			request := ci.Request{Job: "shop", Parameters: map[string]string{"VERSION": ""}, AllowUnmarked: tc.allowUnmarked}
			_, err := definitionOf(request, tc.definition)
			if p := problem.As(err); (p == nil) != (tc.reason == "") || p != nil && p.Reason != tc.reason {
				t.Errorf("got %v, want %q", err, tc.reason)
			}
		})
	}
}

func TestTheConfigOfAJenkinsfileRunsItInTheSandbox(t *testing.T) {
	d, err := definitionOf(ci.Request{Job: "shop", Parameters: map[string]string{"B": "", "A": ""}},
		ci.Definition{Script: "node { sh 'test 1 < 2 && echo \"]]>\"' }", Owner: "team/shop"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.parameters, []string{"A", "B", Marker}) {
		t.Errorf("declared are %q", d.parameters)
	}
	var got struct {
		Script  string `xml:"definition>script"`
		Sandbox bool   `xml:"definition>sandbox"`
	}
	if err := xml.Unmarshal(d.content, &got); err != nil || got.Script != "node { sh 'test 1 < 2 && echo \"]]>\"' }" || !got.Sandbox {
		t.Errorf("%v: %+v", err, got)
	}
}

func FuzzADefinitionKeepsAllButItsDescription(f *testing.F) {
	f.Add(project("<description>a</description>", Marker))
	f.Add("<?xml version='1.1'?><p>\n<description/></p>")
	f.Add("<a:p xmlns:a='x'><![CDATA[<description>]]></a:p>")
	f.Fuzz(func(t *testing.T, content string) {
		d, err := parseDefinition([]byte(content))
		if err != nil {
			return
		}
		marked, digest := d.marked("team/shop")
		again, err := parseDefinition(marked)
		if err != nil {
			if len(marked) <= v1alpha1.MaxJobDefinition && len(withMark(d)) <= maxDescription {
				t.Fatalf("%v: %q became %q", err, content, marked)
			}
			return
		}
		if owner, got := managedBy(again.description); owner != "team/shop" || got != digest {
			t.Errorf("%q became %q", content, marked)
		}
		if string(again.content[:again.begin]) != content[:d.begin] || string(again.content[again.end:]) != content[d.end:] ||
			!slices.Equal(again.parameters, d.parameters) {
			t.Errorf("%q became %q", content, marked)
		}
	})
}

// withMark is the description with a mark.
func withMark(d *definition) string {
	return d.description + "\n" + managedMark("team/shop", strings.Repeat("0", 64))
}
