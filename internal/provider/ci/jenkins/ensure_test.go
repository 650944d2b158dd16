package jenkins

import (
	"net/http"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// shop is a request of job shop, and its definition.
func shop() (ci.Request, ci.Definition) {
	request := ci.Request{Key: "k-1", Job: "shop", Parameters: map[string]string{"VERSION": ""}}
	return request, ci.Definition{Config: []byte(project("<description>Builds the shop</description>", Marker, "VERSION")), Owner: "team/shop"}
}

func TestAJobIsSentOnlyWhenItsDefinitionChanged(t *testing.T) {
	s := fake.New(t)
	request, definition := shop()
	ensure := func(want int) {
		t.Helper()
		if err := open(t, s).Ensure(t.Context(), request, definition); err != nil {
			t.Fatal(err)
		}
		if got := s.Definitions(); got != want {
			t.Errorf("the job was sent %d times, want %d", got, want)
		}
	}
	ensure(1)
	ensure(1)
	if config := s.Config("shop"); !strings.Contains(config, "<description>Builds the shop&#xA;Managed by KubeOps for Pipeline team/shop (sha256:") {
		t.Errorf("the config is %s", config)
	}
	definition.Config = []byte(project("<description>Builds the shop</description>", Marker, "VERSION", "MORE"))
	ensure(2)
	ensure(2)
	definition = ci.Definition{Script: "node {}", Owner: "team/shop"}
	ensure(3)
	ensure(3)
	definition = ci.Definition{Script: "node {}", Owner: "team/other", Overwrite: true}
	ensure(4)
	ensure(4)
}

func TestTwoClustersDoNotShareAJob(t *testing.T) {
	s := fake.New(t)
	request, east := shop()
	west := east
	east.Cluster = "0b5e-east"
	west.Cluster = "0b5e-west"
	ensure := func(definition ci.Definition) *problem.Problem {
		t.Helper()
		return problem.As(open(t, s).Ensure(t.Context(), request, definition))
	}
	earlier := west
	earlier.Cluster = ""
	earlier.Config = []byte(project("", Marker, "VERSION", "MORE")) // what a Pipeline of the same name has in the other cluster
	if p := ensure(earlier); p != nil {
		t.Fatal(p)
	}
	if p := ensure(east); p == nil || p.Reason != v1alpha1.ReasonJobNotManaged || !strings.Contains(p.Message, "of an unknown cluster") {
		t.Errorf("a job of an unknown cluster with another definition: %v", p)
	}
	earlier = east
	earlier.Cluster = "" // the job of an earlier version, which did not write the cluster
	for _, definition := range []ci.Definition{earlier, east, east} {
		if p := ensure(definition); p != nil {
			t.Fatal(p)
		}
	}
	if config := s.Config("shop"); s.Definitions() != 3 || !strings.Contains(config, "for Pipeline team/shop@0b5e-east (sha256:") {
		t.Errorf("the job was sent %d times: %s", s.Definitions(), config)
	}
	if p := ensure(west); p == nil || p.Reason != v1alpha1.ReasonJobNotManaged || !strings.Contains(p.Message, "team/shop@0b5e-east") {
		t.Errorf("got %v", p)
	}
	west.Overwrite = true
	if p := ensure(west); p != nil || !strings.Contains(s.Config("shop"), "team/shop@0b5e-west") {
		t.Errorf("got %v: %s", p, s.Config("shop"))
	}
}

func TestAJobReadsItsScriptFromARepository(t *testing.T) {
	s := fake.New(t)
	request, definition := shop()
	definition.Config = nil
	definition.SCM = &ci.SCM{Repository: "https://git.example.com/a&b.git", Branch: "main", Path: "ci/Jenkinsfile"}
	if err := open(t, s).Ensure(t.Context(), request, definition); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<url>https://git.example.com/a&amp;b.git</url></hudson", "<name>refs/heads/main</name>", "<scriptPath>ci/Jenkinsfile</scriptPath>",
		"<name>KUBEOPS_RUN</name>", "<name>VERSION</name>", "Managed by KubeOps for Pipeline team/shop (sha256:",
	} {
		if config := s.Config("shop"); !strings.Contains(config, want) {
			t.Errorf("the job has no %q: %s", want, config)
		}
	}
	definition.SCM.CredentialsID = "git-read"
	if err := open(t, s).Ensure(t.Context(), request, definition); err != nil || s.Definitions() != 2 ||
		!strings.Contains(s.Config("shop"), "<credentialsId>git-read</credentialsId>") {
		t.Errorf("%v, sent %d times: %s", err, s.Definitions(), s.Config("shop"))
	}
}

func TestAJobIsCreatedInItsFolder(t *testing.T) {
	s := fake.New(t)
	s.Add("team", &fake.Job{Folder: true})
	request, definition := shop()
	request.Job = "team/my shop"
	if err := open(t, s).Ensure(t.Context(), request, definition); err != nil || s.Config("team/my shop") == "" {
		t.Errorf("%v", err)
	}
	request.Job = "nowhere/shop"
	if p := problem.As(open(t, s).Ensure(t.Context(), request, definition)); p == nil || p.Reason != v1alpha1.ReasonJobNotFound ||
		!strings.Contains(p.Message, "the folder of job nowhere/shop") {
		t.Errorf("%v", p)
	}
	request.Job = "team"
	if p := problem.As(open(t, s).Ensure(t.Context(), request, definition)); p == nil || p.Reason != v1alpha1.ReasonNotAJob {
		t.Errorf("%v", p)
	}
}

func TestWhatKeepsAJobFromBeingDefinedIsNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*fake.Server)
		reason  string
		action  problem.Action
		want    string
	}{
		"no permission to create": {
			func(s *fake.Server) { s.Refuse("/createItem", http.StatusForbidden) }, v1alpha1.ReasonForbidden, problem.UserMustAct, "Job/Create",
		},
		"no permission to configure": {func(s *fake.Server) {
			s.Add("shop", &fake.Job{Config: project("<description>" + managedMark("team/shop", strings.Repeat("0", 64)) + "</description>")})
			s.Refuse("/config.xml", http.StatusForbidden)
		}, v1alpha1.ReasonForbidden, problem.UserMustAct, "Job/Configure"},
		"a plugin that is not there": {
			func(s *fake.Server) { s.Refuse("/createItem", http.StatusInternalServerError) }, v1alpha1.ReasonInvalidJobDefinition,
			problem.UserMustAct, "plugins",
		},
		"a job that the user cannot see": {
			func(s *fake.Server) { s.Add("shop", &fake.Job{Hidden: true}) }, v1alpha1.ReasonInvalidJobDefinition, problem.UserMustAct,
			"hidden from the user kubeops",
		},
		"a server that is overloaded": {
			func(s *fake.Server) { s.Refuse("/createItem", http.StatusServiceUnavailable) }, v1alpha1.ReasonServerError, problem.Retry, "503",
		},
		"a job of a person": {
			func(s *fake.Server) { s.Add("shop", &fake.Job{Config: project("<description>mine</description>")}) },
			v1alpha1.ReasonJobNotManaged, problem.UserMustAct, "build.ensure.overwrite",
		},
		"a mark that a person changed": {func(s *fake.Server) {
			s.Add("shop", &fake.Job{Config: project("<description>" + managedMark("team/shop", "0") + "</description>")})
		}, v1alpha1.ReasonJobNotManaged, problem.UserMustAct, "not managed by KubeOps"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t)
			tc.prepare(s)
			request, definition := shop()
			err := open(t, s).Ensure(t.Context(), request, definition)
			p := problem.As(err)
			if p == nil || p.Reason != tc.reason || p.Action != tc.action || !strings.Contains(p.Message, tc.want) {
				t.Errorf("got %+v, want %s with %q", p, tc.reason, tc.want)
			}
			if s.Definitions() != 0 {
				t.Error("the job was changed")
			}
		})
	}
}

func TestTwoRunsThatCreateAJobAtTheSameTimeBothSucceed(t *testing.T) {
	s := fake.New(t)
	request, definition := shop()
	p := open(t, s)
	wanted, err := definitionOf(request, definition)
	if err != nil {
		t.Fatal(err)
	}
	content, digest := wanted.marked(definition.Owner)
	for range 2 { // both saw that it is not there
		if err := p.create(t.Context(), "/job/shop", "shop", content, digest, definition); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Definitions(); got != 1 {
		t.Errorf("created %d times", got)
	}
}
