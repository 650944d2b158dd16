package security

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// fixture is a Pod of the test data of Pod Security Admission, which covers every control in every version of the standards.
type fixture struct {
	// level and version of the standard that the Pod is for.
	level psaapi.LevelVersion
	// fails is true for Pods that the control must reject; other Pods meet the standard.
	fails   bool
	control string
	pod     *corev1.Pod
}

// podSecurityFixtures reads the test data in the module k8s.io/pod-security-admission.
func podSecurityFixtures(t *testing.T) map[string]fixture {
	t.Helper()
	directory, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	tree := os.DirFS(path.Join(strings.TrimSpace(string(directory)), "test", "testdata"))
	files, err := fs.Glob(tree, "*/v*/*/*.yaml")
	if err != nil || len(files) < 4000 {
		t.Fatalf("%d fixtures: %v", len(files), err)
	}
	fixtures := make(map[string]fixture, len(files))
	for _, file := range files {
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			t.Fatal(err)
		}
		pod := &corev1.Pod{}
		if err := yaml.UnmarshalStrict(text, pod); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		parts := strings.Split(file, "/")
		version, err := psaapi.ParseVersion(parts[1])
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		fixtures[file] = fixture{
			level: psaapi.LevelVersion{Level: psaapi.Level(parts[0]), Version: version},
			fails: parts[2] == "fail", control: strings.TrimRight(strings.TrimSuffix(parts[3], ".yaml"), "0123456789"), pod: pod,
		}
	}
	return fixtures
}

// rejects returns whether Pod Security Admission rejects a Pod, in the form in which the API server passes it on.
func rejects(t *testing.T, evaluator policy.Evaluator, level psaapi.LevelVersion, pod *corev1.Pod) bool {
	t.Helper()
	defaulted := pod.DeepCopy()
	for i := range defaulted.Spec.Volumes {
		if volume := &defaulted.Spec.Volumes[i]; volume.VolumeSource == (corev1.VolumeSource{}) {
			volume.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	results := evaluator.EvaluatePod(level, &defaulted.ObjectMeta, &defaulted.Spec)
	return slices.ContainsFunc(results, func(r policy.CheckResult) bool { return !r.Allowed })
}

// failedControls are the controls of a level that a Pod does not meet.
func (s standard) failedControls(level psaapi.Level, spec *facts.PodSpec) []string {
	controls := s.baselineControls
	if level == psaapi.LevelRestricted {
		controls = s.restrictedLevel()
	}
	var failed []string
	for _, c := range controls {
		if len(c.evaluate(metaOf(spec), spec)) > 0 {
			failed = append(failed, strings.ToLower(string(c.id)))
		}
	}
	return failed
}

// restrictedLevel are the controls of the level restricted: its own, and those of baseline without a stricter form.
func (s standard) restrictedLevel() []control {
	controls := slices.Clone(s.restrictedControls)
	for _, baseline := range s.baselineControls {
		stricter := func(c control) bool { return slices.Contains(c.overrides, baseline.id) }
		if !slices.ContainsFunc(s.restrictedControls, stricter) {
			controls = append(controls, baseline)
		}
	}
	return controls
}

func TestFindingsAgreeWithPodSecurityAdmission(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	fixtures := podSecurityFixtures(t)
	t.Run("facts are judged alike in every version of the standards", func(t *testing.T) {
		compareVersions(t, evaluator, fixtures)
	})
	t.Run("the checks report what the latest version rejects", func(t *testing.T) {
		compareFindings(t, evaluator, fixtures)
	})
}

// compareVersions judges each Pod, alone and as a template, by the version of the standard that the Pod is for.
func compareVersions(t *testing.T, evaluator policy.Evaluator, fixtures map[string]fixture) {
	t.Helper()
	standards := map[psaapi.Version]standard{}
	for file, f := range fixtures {
		current, known := standards[f.level.Version]
		if !known {
			current = newStandard(f.level.Version)
			standards[f.level.Version] = current
		}
		if got := rejects(t, evaluator, f.level, f.pod); got != f.fails {
			t.Errorf("%s: admission rejects it: %v, want %v", file, got, f.fails)
		}
		for object, spec := range map[string]*facts.PodSpec{
			"Pod":      facts.Reduce(f.pod).(*facts.PodNode).Spec,
			"template": facts.Reduce(deploymentOf(f.pod)).(*facts.WorkloadNode).Template,
		} {
			failed := current.failedControls(f.level.Level, spec)
			if (len(failed) > 0) != f.fails {
				t.Errorf("%s: the %s fails %v, want that it fails: %v", file, object, failed, f.fails)
			}
			// A control of baseline may be replaced by its stricter form at the level restricted.
			if all := append(failed, current.failedControls(psaapi.LevelBaseline, spec)...); f.fails && !slices.Contains(all, f.control) {
				t.Errorf("%s: the %s fails %v, want %s", file, object, all, f.control)
			}
		}
	}
	t.Logf("%d fixtures in %d versions", len(fixtures), len(standards))
}

// compareFindings compares what the checks report with the latest version of the standards, which is the only one that they apply.
func compareFindings(t *testing.T, evaluator policy.Evaluator, fixtures map[string]fixture) {
	t.Helper()
	builder := facts.NewBuilder("test", testkit.Now())
	names := strings.NewReplacer("/", "-", "_", "-", ".yaml", "")
	for file, f := range fixtures {
		deployment := deploymentOf(f.pod)
		deployment.Name = names.Replace(file)
		builder.Add(facts.Reduce(deployment))
	}
	for _, kind := range facts.Kinds() {
		builder.Covered(kind, "")
	}
	findings, _, gaps := check.Run(builder.Graph(), standardChecks(), check.DefaultParams())
	if len(gaps) > 0 {
		t.Fatal(gaps)
	}
	found := map[string]bool{}
	for i := range findings {
		found[findings[i].Check+" "+findings[i].Object.Name] = true
	}
	for file, f := range fixtures {
		baseline := rejects(t, evaluator, psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: psaapi.LatestVersion()}, f.pod)
		restricted := rejects(t, evaluator, psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()}, f.pod)
		reportedBaseline := found["pod-security-baseline "+names.Replace(file)]
		reportedRestricted := found["pod-security-restricted "+names.Replace(file)]
		if reportedBaseline != baseline {
			t.Errorf("%s: baseline is reported: %v, admission rejects it: %v", file, reportedBaseline, baseline)
		}
		// pod-security-restricted does not repeat what pod-security-baseline reports.
		if (reportedBaseline || reportedRestricted) != (baseline || restricted) {
			t.Errorf("%s: restricted is reported: %v, admission rejects it: %v", file, reportedRestricted, restricted)
		}
	}
	t.Logf("%d fixtures", len(fixtures))
}

// deploymentOf is a Deployment with a Pod as its template.
func deploymentOf(pod *corev1.Pod) *appsv1.Deployment {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Annotations: pod.Annotations}, Spec: pod.Spec}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"},
		Spec:       appsv1.DeploymentSpec{Template: template},
	}
}
