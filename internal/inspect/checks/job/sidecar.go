package job

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// sidecarPatience is how many startup graces a known sidecar may run after the other containers have completed.
const sidecarPatience = 5

func sidecarCheck() check.Check {
	return check.Check{
		ID: "job-kept-by-sidecar", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "The work of a Job is done, but a sidecar keeps its Pod running.",
		Meaning: "A Pod of a Job has containers that ended with exit code 0 and others that still run, so that neither the Pod nor the " +
			"Job completes; a CronJob with concurrencyPolicy Forbid starts no further run. Known sidecars (proxies of service meshes and " +
			"databases, log and secret agents) are reported five startup graces after the last of the other containers ended, other " +
			"containers only after the recent window (an hour unless set), since they may still work.",
		Remediation: "Declare the sidecar as an init container with restartPolicy: Always: Kubernetes ends it once the containers are " +
			"done. Delete the Job that hangs: `kubectl delete job <name>`.",
		Link:  "https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#jobs-with-sidecar-containers",
		Needs: []facts.Kind{facts.Pod, facts.Job}, Uses: []facts.Kind{facts.CronJob},
		Run: keptBySidecar,
	}
}

// knownSidecars are names of containers, and parts of the names of images, that serve other containers and never end.
func knownSidecars() []string {
	return []string{
		"istio-proxy", "proxyv2", "linkerd-proxy", "linkerd2-proxy", "envoy", "consul-dataplane", "consul-connect", "daprd", "kuma-sidecar",
		"cloud-sql-proxy", "cloudsql-proxy", "cloud_sql_proxy", "gce-proxy", "alloydb-auth-proxy", "pgbouncer", "vault-agent", "fluent-bit",
		"fluentd", "filebeat", "vector", "promtail", "otel-collector", "opentelemetry-collector", "jaeger-agent", "datadog-agent",
		"aws-xray-daemon", "oauth2-proxy", "gcsfuse-sidecar", "gke-gcsfuse-sidecar", "dind", "docker-in-docker",
	}
}

func isKnownSidecar(c facts.Container) bool {
	image, _, _ := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
	return slices.ContainsFunc(knownSidecars(), func(name string) bool { return c.Name == name || image == name })
}

func keptBySidecar(g *facts.Graph, params check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		job, ok := facts.Lookup[*facts.JobNode](g, pod.Owner)
		if !ok || job.IsFinished() || !job.Deleting.IsZero() || !pod.IsActive() {
			continue
		}
		done, running, since := completion(pod)
		if len(done) == 0 || len(running) == 0 {
			continue
		}
		patience := sidecarPatience * params.StartupGrace
		sidecars := !slices.ContainsFunc(running, func(c facts.Container) bool { return !isKnownSidecar(c) })
		if !sidecars {
			patience = max(patience, params.RecentWindow)
		}
		if g.OlderThan(since, patience) {
			failures = append(failures, keptJob(job, pod, done, running, since, sidecars))
		}
	}
	return check.RollUp(g, failures)
}

// completion tells the containers of a Pod that have completed from those that run, and when the last of the former ended. Both are
// empty for a Pod with a container in another state: it has failed or not started.
func completion(pod *facts.PodNode) (done, running []facts.Container, since time.Time) {
	for _, c := range pod.Containers {
		switch {
		case c.State.Status == facts.StateTerminated && c.State.ExitCode == 0 && c.State.Signal == 0:
			done = append(done, c)
			since = check.Later(since, c.State.Finished)
		case c.State.Status == facts.StateRunning:
			running = append(running, c)
		default:
			return nil, nil, time.Time{}
		}
	}
	return done, running, since
}

func keptJob(
	job *facts.JobNode, pod *facts.PodNode, done, running []facts.Container, since time.Time, sidecars bool,
) check.FailingPod {
	names := containerNames(running)
	f := check.Finding{
		Message: fmt.Sprintf("%s does not complete: %s done, but %s still %s.", jobText(job),
			phrase.Containers(containerNames(done))+phrase.Plural(len(done), " is", " are"), phrase.Containers(names),
			phrase.Plural(len(names), "runs", "run")),
		Evidence: []check.Evidence{
			check.FromCondition("Pod %s: %s ended with exit code 0 at %s", pod.Name, phrase.Containers(containerNames(done)),
				since.UTC().Format(time.RFC3339)),
			check.FromCondition("still running: %s, of image %s", phrase.Containers(names), running[0].Image),
		},
	}
	if !sidecars {
		f.Severity = v1alpha1.SeverityMedium
	}
	f.Remediation = remedy.Sprintf("If %s only %s the others, declare it under initContainers with restartPolicy: Always: Kubernetes ends "+
		"such sidecars once the containers are done. To let the next run start, delete this Job: `kubectl -n %s delete job %s`.",
		strings.Join(names, ", "), phrase.Plural(len(names), "serves", "serve"), job.Namespace, job.Name)
	return check.FailingPod{Pod: pod, Discriminator: strings.Join(names, ","), Finding: f}
}

// jobText names a Job, or the CronJob that created it: the names of its Jobs change from run to run.
func jobText(job *facts.JobNode) string {
	if job.Owner.IsZero() {
		return "Job " + job.Name
	}
	return "A Job of " + job.Owner.Kind.Name() + " " + job.Owner.Name
}

func containerNames(containers []facts.Container) []string {
	names := make([]string, 0, len(containers))
	for _, c := range containers {
		names = append(names, c.Name)
	}
	return names
}
