package background

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/redact"
)

func TestValuesOfVariablesThatOnlyMentionAHostAreNotHosts(t *testing.T) {
	for name, want := range map[string]bool{
		"DB_HOST": true, "DBHOST": true, "HOST": true, "REDIS_ADDR": true, "KAFKA_BROKERS": true, "UPSTREAM_URL": true, "PGHOST": true,
		"db.hostname": true, "MAIL_SERVER": true, "CART_SERVICE": true,
		"BROKER_PASSWORD": false, "SERVER_TOKEN": false, "GHOST_DB_PASS": false, "DB_HOST_USER": false, "GHOST": false, "URL_KEY": false,
	} {
		if got := namesHost(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	pod := corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{
		{Name: "BROKER_PASSWORD", Value: "hunter2"}, {Name: "BROKER_HOST", Value: "mq"},
	}}}}}
	uses := (&gatherer{}).hostsOf(&subject{pods: []corev1.Pod{pod}})
	if len(uses) != 1 || uses[0].Host != "mq" {
		t.Errorf("got %v", uses)
	}
}

func TestPasswordsInChangedArgumentsAreRedacted(t *testing.T) {
	spec := func(words ...string) corev1.PodSpec {
		return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Command: []string{"redis-server"}, Args: words}}}
	}
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--password", "--requirepass"} {
		text := redactor.Text(diff(spec("--port", "1", flag, "blue-horse"), spec("--port", "1", flag, "red-horse")))
		if strings.Contains(text, "horse") || !strings.Contains(text, flag) {
			t.Errorf("got\n%s", text)
		}
	}
}

func TestSecretsInChangedHeadersOfProbesAreRedacted(t *testing.T) {
	spec := func(name, value string) corev1.PodSpec {
		probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			HTTPHeaders: []corev1.HTTPHeader{{Name: name, Value: value}},
		}}}
		return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", LivenessProbe: probe}}}
	}
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "X-Api-Key", "Cookie"} {
		text := redactor.Text(diff(spec(name, "Basic aG9yc2U6aG9yc2U="), spec(name, "a1b2c3-horse-99")))
		if strings.Contains(text, "horse") || strings.Contains(text, "aG9yc2U6") || strings.Count(text, "\n") != 1 {
			t.Errorf("got\n%s", text)
		}
	}
}
