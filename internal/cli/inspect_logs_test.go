package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// The API server has a failed Job whose Pod was deleted; Loki has the lines of that Pod.
func TestLogLinesOfDeletedPodsAreReadFromLoki(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	config := testkit.APIServer(t)
	failed := time.Now().Add(-5 * time.Minute)
	createFailedJob(t, config, failed)
	pushLines(t, server.URL, failed)

	args := []string{
		"inspect", "-A", "-o", "json", "--kubeconfig", kubeconfig(t, config), "--checks", "job-failed,log-*",
		"--logs-url", server.URL, "--log-analysis",
	}
	deadline := time.After(30 * time.Second) // Loki serves lines only after a while
	for {
		code, out, errOut := runCLI(t, args...)
		if code != exitOK {
			t.Fatalf("exit code %d: %s", code, errOut)
		}
		var report v1alpha1.InspectionReport
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatal(err)
		}
		if quotesLastLine(report.Findings) && hasCheck(report.Findings, "log-new-error") {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the last line of the Pod or the new error is missing in " + out)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func hasCheck(findings []v1alpha1.Finding, check string) bool {
	return slices.ContainsFunc(findings, func(f v1alpha1.Finding) bool { return f.Check == check })
}

func quotesLastLine(findings []v1alpha1.Finding) bool {
	return slices.ContainsFunc(findings, func(f v1alpha1.Finding) bool {
		return f.Check == "job-failed" && slices.ContainsFunc(f.Evidence, func(e v1alpha1.Evidence) bool {
			return e.Source == v1alpha1.EvidenceLog && strings.Contains(e.Text, "import-x7k2p") &&
				strings.Contains(e.Text, `FATAL: relation "orders" does not exist`)
		})
	})
}

// createFailedJob creates a failed Job without Pods.
func createFailedJob(t *testing.T, config *rest.Config, at time.Time) {
	t.Helper()
	client := kubernetes.NewForConfigOrDie(config)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	job, err := client.BatchV1().Jobs("shop").Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "import"},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "import", Image: "import:1"}},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ended := metav1.NewTime(at)
	started := metav1.NewTime(at.Add(-time.Minute))
	job.Status.StartTime = &started
	job.Status.Failed = 1
	for _, kind := range []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: batchv1.JobReasonBackoffLimitExceeded,
			LastTransitionTime: ended, LastProbeTime: ended,
		})
	}
	if _, err := client.BatchV1().Jobs("shop").UpdateStatus(t.Context(), job, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// pushLines writes the log lines of the Job's Pod to Loki.
func pushLines(t *testing.T, url string, ended time.Time) {
	t.Helper()
	backend, err := loki.New(logs.Settings{Endpoint: provider.Endpoint{URL: url}, Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	labels := map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: "import-x7k2p", logs.LabelContainer: "import"}
	entries := []logs.Entry{
		{Time: ended.Add(-4 * time.Second), Line: "connecting to warehouse", Labels: labels},
		{Time: ended.Add(-3 * time.Second), Line: `FATAL: relation "orders" does not exist`, Labels: labels},
	}
	if err := backend.(logs.Writer).Write(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
}

// kubeconfig writes a kubeconfig file for the cluster.
func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"test": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			"test": {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData},
		},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		CurrentContext: "test",
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBackendCredentialsAreReadFromTheEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		variables map[string]string
		want      provider.Auth
		wantErr   bool
	}{
		"none":    {},
		"token":   {variables: map[string]string{"_TOKEN": "t"}, want: provider.Auth{BearerToken: "t"}},
		"API key": {variables: map[string]string{"_API_KEY": "k"}, want: provider.Auth{APIKey: "k"}},
		"username and password": {
			variables: map[string]string{"_USERNAME": "u", "_PASSWORD": "p"}, want: provider.Auth{Username: "u", Password: "p"},
		},
		"token and API key":  {variables: map[string]string{"_TOKEN": "t", "_API_KEY": "k"}, wantErr: true},
		"token and username": {variables: map[string]string{"_TOKEN": "t", "_USERNAME": "u"}, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range tc.variables {
				t.Setenv(logsEnvironment+variable, value)
			}
			got, err := environmentAuth(logsEnvironment)
			if got != tc.want || (err != nil) != tc.wantErr {
				t.Errorf("as wanted: %t, error %v", got == tc.want, err)
			}
		})
	}
}

func TestBackendErrorsNameTheFlag(t *testing.T) {
	metricsAt := func(url, kind string) error {
		_, err := (&metricsFlags{url: url, kind: kind}).open()
		return err
	}
	logsAt := func(url, kind string) error {
		_, err := (&logFlags{url: url, kind: kind}).open()
		return err
	}
	for want, err := range map[string]error{
		"--logs-url must not contain credentials: set KUBEOPS_LOGS_USERNAME and KUBEOPS_LOGS_PASSWORD instead":          logsAt("https://u:p@loki:3100", "loki"),
		"--metrics-url must not contain credentials: set KUBEOPS_METRICS_USERNAME and KUBEOPS_METRICS_PASSWORD instead": metricsAt("https://u:p@prometheus:9090", "prometheus"),
		"--logs-url: the URL must begin with http:// or https:// and name a host":                                       logsAt("localhost:3100", "loki"),
		`--logs-url: unknown type "splunk", supported: elasticsearch, loki, victorialogs`:                               logsAt("http://localhost:3100", "splunk"),
		`--metrics-url: unknown type "loki", supported: prometheus, victoriametrics`:                                    metricsAt("http://localhost:9090", "loki"),
	} {
		var printed bytes.Buffer
		printError(&printed, err)
		if printed.String() != "error: "+want+"\n" {
			t.Errorf("got %s, want %s", printed.String(), want)
		}
	}
}

func TestProgressNamesTheRunningStage(t *testing.T) {
	p := &progress{cluster: "prod"}
	for step, want := range map[inspect.Progress]string{
		{Stage: inspect.StageCollect, Done: 3, Total: 35, Objects: 120}: "Reading prod: 3 of 35 kinds, 120 objects",
		{Stage: inspect.StageMetrics, Total: 1}:                         "Querying the metrics backend",
		{Stage: inspect.StageLogs, Total: 1}:                            "Reading lines from the log backend",
		{Stage: inspect.StageEvidence, Total: 1}:                        "Reading the last log lines",
	} {
		if got := p.text(step); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", step.Stage, got)
		}
	}
	for _, ended := range []inspect.Stage{inspect.StageMetrics, inspect.StageLogs, inspect.StageChecks, inspect.StageEvidence} {
		if got := p.text(inspect.Progress{Stage: ended, Done: 1, Total: 1}); got != "" {
			t.Errorf("%s has ended, got %q", ended, got)
		}
	}
}
