package jenkins

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/provider/ci"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
)

func TestWhatChangesAJob(t *testing.T) {
	t.Parallel()
	freestyle := conformance.HudsonJobs(Marker)["job"]
	script := string(scripted(inline("node {\n  sh 'make'\n}"), []string{"A", Marker}))
	git := string(scripted(fromSCM(&ci.SCM{Repository: "https://git.example.com/shop.git", Branch: "main", Path: "Jenkinsfile"}), []string{Marker}))
	for name, tc := range map[string]struct {
		sent    string
		texts   []string
		changed bool
	}{
		"nothing":                {freestyle, nil, false},
		"a step":                 {freestyle, []string{"exit 1", "exit 2"}, true},
		"another step":           {freestyle, []string{"</builders>", "<hudson.tasks.Shell><command>rm -r /</command></hudson.tasks.Shell></builders>"}, true},
		"no steps":               {freestyle, []string{"<hudson.tasks.Shell>", "<!--", "</hudson.tasks.Shell>", "-->"}, true},
		"disabled":               {freestyle, []string{"<disabled>false", "<disabled>true"}, true},
		"a parameter less":       {freestyle, []string{"<name>BEHAVIOUR</name>", "<name>OTHER</name>"}, true},
		"a description":          {freestyle, []string{"<description></description><properties>", "<description>by hand</description><properties>"}, false},
		"a setting of a plugin":  {freestyle, []string{"<canRoam>", "<quietPeriod>5</quietPeriod><canRoam>"}, false},
		"the version of plugins": {freestyle, []string{"<hudson.tasks.Shell>", `<hudson.tasks.Shell plugin="shell@2">`}, false},
		"other line ends":        {script, []string{"\n", "\r\n"}, false},
		"version 1.1":            {script, []string{"version='1.0'", "version='1.1'"}, false},
		"a script":               {script, []string{"make", "make install"}, true},
		"out of the sandbox":     {script, []string{"<sandbox>true", "<sandbox>false"}, true},
		"a trigger":              {script, []string{"<triggers/>", "<triggers><hudson.triggers.TimerTrigger><spec>@daily</spec></hudson.triggers.TimerTrigger></triggers>"}, true},
		"parameters in another order": {
			script, []string{"<name>A</name>", "<name>KUBEOPS_RUN</name>", "<name>KUBEOPS_RUN</name>", "<name>A</name>"}, false,
		},
		"a repository":         {git, []string{"shop.git", "other.git"}, true},
		"a branch":             {git, []string{"refs/heads/main", "refs/heads/other"}, true},
		"a left out empty one": {git, []string{`<submoduleCfg class="empty-list"/>`, ""}, false},
		"another type of definition": {
			git, []string{"CpsScmFlowDefinition", "CpsFlowDefinition"}, true,
		},
	} {
		sent, err := parseElements([]byte(tc.sent))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer(tc.texts...).Replace(tc.sent)
		live, err := parseElements([]byte(text))
		if err != nil || (text == tc.sent) != (len(tc.texts) == 0) {
			t.Fatalf("%s: %v", name, err)
		}
		if got := !live.has(sent.without("description")); got != tc.changed {
			t.Errorf("%s: changed is %t, want %t", name, got, tc.changed)
		}
	}
}

// BenchmarkElements compares the largest documents that are accepted, whose text comes in as many pieces as there are elements.
func BenchmarkElements(b *testing.B) {
	piece := strings.Repeat("x", maxLive/maxElements-20)
	content := []byte("<a>" + strings.Repeat(piece+"<b>c</b>", maxElements-1) + "</a>")
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		root, err := parseElements(content)
		if err != nil || !root.has(root) {
			b.Fatal("the document has not what it has", err)
		}
	}
}

func FuzzElements(f *testing.F) {
	f.Add([]byte("<?xml version='1.1'?><a class='b'><b>c</b><b/></a>"))
	f.Add([]byte("<a><b></a>"))
	f.Fuzz(func(t *testing.T, content []byte) {
		root, err := parseElements(content)
		if err == nil && !root.has(root) {
			t.Errorf("%q has not what it has", content)
		}
	})
}
