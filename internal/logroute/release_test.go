package logroute

import (
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/images"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// vectorRefusals are what versions of Vector refuse at start, as their release notes and sources say.
func vectorRefusals(version logs.VectorVersion, config vectorConfig, text string) (found []string) {
	field := regexp.MustCompile(`^\s*\{\{`)
	for id, sink := range config.Sinks {
		if sink.Auth != nil && sink.Auth.Strategy == "custom" && version < 52 {
			found = append(found, id+": the strategy custom came with 0.52")
		}
		if sink.Unconfined != nil && version < 57 {
			found = append(found, id+": dangerously_allow_unconfined_template_resolution came with 0.57")
		}
		confined := sink.Unconfined == nil || !*sink.Unconfined
		for name, label := range sink.Labels {
			if version >= 57 && confined && field.MatchString(label) {
				found = append(found, id+": the label "+name+" has no literal prefix")
			}
		}
	}
	// Versions before 0.57 may read these as variables.
	if variable := regexp.MustCompile(`\$[\w.{$]`).FindString(text); variable != "" {
		found = append(found, "the variable "+variable)
	}
	return found
}

func TestEachVersionOfVectorGetsWhatItTakes(t *testing.T) {
	for version := logs.VectorVersion(images.OldestVector); version <= images.NewestVector; version++ {
		for name, backends := range cases() {
			o := options()
			o.VectorVersion = version.String()
			out, err := Compile(with(v1alpha1.CollectorVector, backends), o)
			if err != nil {
				t.Fatal(err)
			}
			for backend, p := range out.Problems {
				if version >= 52 || p.Reason != v1alpha1.ReasonCollectorUnsupported || name != "loki-tenant-bearer" {
					t.Errorf("%s of %s for %s: %s", backend, name, version, p.Message)
				}
			}
			text := out.Collectors[v1alpha1.CollectorVector].Files[VectorFile]
			if text == "" {
				continue
			}
			for _, refusal := range vectorRefusals(version, parseVector(t, text), text) {
				t.Errorf("%s for %s: %s", name, version, refusal)
			}
		}
	}
}

func TestAVersionThatCannotRunARouteCostsThatRouteOnly(t *testing.T) {
	secured := loki("team-a", "secured", "a", v1alpha1.LogCollection{})
	secured.Endpoint.Auth = provider.Auth{BearerToken: "not-a-token"}
	open := loki("team-b", "open", "b", v1alpha1.LogCollection{})
	byFluentd := loki("team-c", "fluentd", "c", v1alpha1.LogCollection{Collector: v1alpha1.CollectorFluentd})
	all := []types.NamespacedName{secured.Name, open.Name}
	for name, tc := range map[string]struct {
		image, version string
		out            []types.NamespacedName
		say            []string
	}{
		"the default": {},
		"a version without custom credentials": {image: "timberio/vector:0.48.0-distroless-libc", out: all[:1],
			say: []string{"Vector 0.48 cannot send the credentials of spec.auth to Loki", "0.52 or newer", "fluentd"}},
		"a tag without a version": {image: "registry.example.com/vector:stable", out: all,
			say: []string{"image registry.example.com/vector:stable", "logCollection.vectorVersion", "0.48 to 0.57"}},
		"a tag without a version, and the version": {image: "registry.example.com/vector:stable", version: "0.55.0"},
		"a version that is too old":                {image: "vector:0.47.0", out: all, say: []string{"Vector 0.47 of image vector:0.47.0", "0.48 to 0.57"}},
		"a version that is too new":                {image: "vector:0.58.0", out: all, say: []string{"Vector 0.58", "logCollection.images.vector"}},
		"a version beside the tag":                 {image: "vector:0.55.0", version: "0.40", out: all, say: []string{"Vector 0.40 of logCollection.vectorVersion"}},
		"a version that is none":                   {image: "vector:0.55.0", version: "latest", out: all, say: []string{"logCollection.vectorVersion"}},
	} {
		o := options()
		o.VectorImage, o.VectorVersion = tc.image, tc.version
		out, err := Compile([]Backend{secured, open, byFluentd}, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Problems) != len(tc.out) || len(out.Collectors[v1alpha1.CollectorFluentd].Routes) != 1 ||
			len(out.Collectors[v1alpha1.CollectorVector].Routes) != 2-len(tc.out) {
			t.Errorf("%s: got %v", name, out.Problems)
			continue
		}
		for _, left := range tc.out {
			for _, want := range tc.say {
				if p := out.Problems[left]; p.Reason != v1alpha1.ReasonCollectorUnsupported || !strings.Contains(p.Message, want) {
					t.Errorf("%s: got %s %q, want %q", name, p.Reason, p.Message, want)
				}
			}
		}
	}
}

func TestAHostThatVectorCannotParseIsLeftOut(t *testing.T) {
	for host, good := range map[string]bool{
		"loki.logging": true, "LOKI.logging:3100": true, "loki_1.logging": true, "loki.logging.": true, "203.0.113.7:3100": true,
		"[2001:db8::7]:3100": true, "loki.logging:": true,
		"a<b": false, "a>b": false, "a;b": false, "a,b": false, "a(b)": false, "a!b": false, "a*b": false, "a=b": false, "a&b": false,
		"-a": false, "a b": false, "a'b": false, `a"b`: false, "ü.example": false, "[fe80::1%25eth0]": false, "a:0": false, "a:65536": false,
	} {
		b := loki("team-a", "logs", "", v1alpha1.LogCollection{})
		b.Endpoint.URL = "http://" + host + "/prefix"
		for _, collector := range both() {
			out, err := Compile(with(collector, []Backend{b}), options())
			if err != nil {
				t.Fatal(err)
			}
			if routed := len(out.Problems) == 0; routed != good {
				t.Errorf("%s by %s: routed %t: %v", host, collector, routed, out.Problems)
			}
		}
	}
}
