package pod

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func startChecks() []check.Check {
	return []check.Check{
		{
			ID: "container-config-invalid", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "The kubelet rejects the configuration of a container.",
			Meaning: "The container waits with CreateContainerConfigError for a reason other than a missing ConfigMap or Secret, " +
				"longer than the startup grace: usually an image that runs as root where runAsNonRoot is set, or a subPath that cannot " +
				"be created.",
			Remediation: "Correct the field in the Pod template that the evidence shows.",
			Link:        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
			Needs:       []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(),
			Run: configInvalid,
		},
		{
			ID: "container-cannot-start", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "The container runtime cannot start a container.",
			Meaning: "Image and configuration are present, but the runtime cannot create the container or run its command. Usually " +
				"the command is not in the image or not executable, or a mount conflicts with the image. The kubelet keeps retrying.",
			Remediation: "Compare command, args, workingDir and volumeMounts of the Pod template with what is in the image; the " +
				"evidence shows what was attempted.",
			Link:  "https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/",
			Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(facts.Event),
			Run: cannotStart,
		},
		{
			ID: "serviceaccount-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A workload references a ServiceAccount that does not exist.",
			Meaning: "The API server rejects Pods whose ServiceAccount does not exist: events or conditions of the workload report " +
				"it, or the ServiceAccount is not in its namespace, which was read completely. The workload has too few Pods.",
			Remediation: "Create the ServiceAccount (`kubectl create serviceaccount <name>`), or correct serviceAccountName in the Pod " +
				"template.",
			Link:  "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
			Needs: []facts.Kind{facts.ReplicaSet},
			Uses: []facts.Kind{
				facts.Deployment, facts.StatefulSet, facts.DaemonSet, facts.ReplicationController, facts.Job, facts.CronJob,
				facts.Event, facts.ServiceAccount, facts.Pod,
			},
			Run: accountMissing, OnManifests: plannedAccount,
		},
	}
}

func configInvalid(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if !pod.IsActive() || !g.OlderThan(pod.Created, p.StartupGrace) {
			continue
		}
		for _, c := range allContainers(pod) {
			if c.State.Status != facts.StateWaiting || c.State.Reason != "CreateContainerConfigError" ||
				len(parseMissing(c.State.Message)) > 0 {
				continue
			}
			why, fix := configText(c.State.Message)
			failures = append(failures, check.FailingPod{Pod: pod, Discriminator: c.Name, Finding: check.Finding{
				Message:     fmt.Sprintf("%s of %s cannot be created: %s.", titleOf(pod, c), g.OwnerName(pod), why),
				Remediation: fix,
				Evidence:    []check.Evidence{waitingEvidence(pod, c), check.FromSpec("image: %s", c.Image)},
			}})
		}
	}
	return check.RollUp(g, failures)
}

// configText says in stable words why a container's configuration is refused, and what to do; the latter may be
// empty. The texts are those of pkg/kubelet/kuberuntime/security_context_others.go and pkg/kubelet/kubelet_pods.go.
func configText(message string) (why string, fix remedy.Text) {
	switch {
	case strings.Contains(message, "image will run as root"):
		return "its image runs as root but runAsNonRoot is set",
			"Set securityContext.runAsUser in the Pod template to a user other than 0 that the image can run as, or build the image " +
				"with a numeric USER."
	case strings.Contains(message, "non-numeric user"):
		return "its image has a non-numeric user, which the kubelet cannot verify against runAsNonRoot",
			"Set securityContext.runAsUser in the Pod template to the number of that user, or write USER in the Dockerfile as a number."
	case strings.Contains(message, "breaks non-root policy"), strings.Contains(message, "break non-root policy"):
		return "runAsUser is 0 but runAsNonRoot is set",
			"Set securityContext.runAsUser to a user other than 0, or remove runAsNonRoot if the container must run as root."
	case strings.Contains(message, "subPath"):
		return "the subPath of a volume mount cannot be created",
			"See whether the volume is mounted read-only, is full, or has a file where the subPath needs a folder."
	}
	// What stands in parentheses names the Pod, and so differs from one to the next.
	text, _, _ := strings.Cut(message, " (pod:")
	if text = strings.TrimRight(strings.TrimSpace(text), "."); text == "" {
		return "the kubelet gives no reason", ""
	}
	return text, ""
}

func cannotStart(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if !pod.Deleting.IsZero() || pod.Phase == "Succeeded" {
			continue
		}
		for _, c := range allContainers(pod) {
			said, ok := startError(g, p, pod, c)
			if !ok {
				continue
			}
			why, fix := startText(said.text)
			failures = append(failures, check.FailingPod{Pod: pod, Discriminator: c.Name, Finding: check.Finding{
				Message:     fmt.Sprintf("%s of %s cannot be started: %s.", titleOf(pod, c), g.OwnerName(pod), why),
				Remediation: fix,
				Evidence:    append(said.evidence, check.FromSpec("image: %s", c.Image)),
			}})
		}
	}
	return check.RollUp(g, failures)
}

// saying is what the kubelet or the container runtime said, and where that was read.
type saying struct {
	text     string
	evidence []check.Evidence
}

// startError is the runtime's error for a container that it cannot start. While the kubelet backs off, the last attempt has it.
func startError(g *facts.Graph, p check.Params, pod *facts.PodNode, c facts.Container) (saying, bool) {
	if c.State.Status == facts.StateRunning {
		return saying{}, false
	}
	if c.State.Status == facts.StateWaiting {
		switch c.State.Reason {
		case "CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError":
			text := c.State.Message
			if c.State.Reason == "PostStartHookError" {
				text = postStartFailed
			}
			return saying{text, []check.Evidence{waitingEvidence(pod, c)}}, g.OlderThan(pod.Created, p.StartupGrace)
		}
	}
	end, ok := lastEnd(c)
	if !ok || !recent(g, p, end.Finished) {
		return saying{}, false
	}
	if cannotRun(end) {
		return saying{end.Message, []check.Evidence{endEvidence(pod, c, end)}}, true
	}
	if e := containerEvent(g, pod, c, "FailedPostStartHook", ""); e != nil && !e.Last.Before(end.Started) && pod.IsActive() {
		return saying{postStartFailed, []check.Evidence{check.FromEvent(e), endEvidence(pod, c, end)}}, true
	}
	return saying{}, false
}

// postStartFailed is the kubelet's word for a failed hook (pkg/kubelet/kuberuntime/kuberuntime_container.go).
const postStartFailed = "PostStartHook failed"

// cannotRun reports whether a container ended because the runtime could not run its command at all: containerd and CRI-O say
// StartError, Docker says ContainerCannotRun; their exit codes are 126 to 128 then.
func cannotRun(s facts.ContainerState) bool {
	return s.Status == facts.StateTerminated && (s.Reason == "StartError" || s.Reason == "ContainerCannotRun")
}

// startText says in stable words why a container cannot be started, and what to do; the latter may be empty. The
// texts are those of runc and crun, of containerd and CRI-O, which pass them on, and of Go's os/exec.
func startText(message string) (why string, fix remedy.Text) {
	command := commandOf(message)
	has := func(texts ...string) bool {
		for _, t := range texts {
			if strings.Contains(message, t) {
				return true
			}
		}
		return false
	}
	switch {
	case message == postStartFailed:
		return "its postStart hook fails",
			"Run the hook's command by hand in the container, or leave the hook out to see whether the program runs without it."
	case has("OOM-killed", "oom-killed", "memory limit too low"):
		return "its memory limit is too low to start it", "Raise resources.limits.memory: the container runtime itself needs some MiB " +
			"to start a container."
	case has("chdir to cwd", "to cwd"):
		return "its working directory does not exist or is not accessible", "Correct workingDir in the Pod template, or make that " +
			"folder in the image."
	case has("error mounting", "not a directory", "mkdir ", "read-only file system"):
		return "a mount or its working directory conflicts with a path in the image",
			"Compare mountPath, subPath and workingDir with the image: a folder cannot be mounted onto a file, nor the other way " +
				"round, nor below a path that cannot be made."
	case has("executable file", "no such file or directory"):
		return "the command" + command + " is not in the image",
			"Correct command in the Pod template; a script also needs the interpreter of its first line, and a binary its loader " +
				"(glibc or musl), in the image."
	case has("permission denied"):
		return "the command" + command + " is not executable",
			"Make it executable in the image (chmod +x), and see that the container's user may read it and that it is no folder."
	case has("exec format error"):
		return "the command" + command + " is built for another architecture or is a script without a #! line",
			"Build the image for the architecture of the nodes (`kubectl get nodes -L kubernetes.io/arch`), or put #! at the very " +
				"start of the script."
	case has("unable to find user", "unable to find group", "no users found", "no matching entries in passwd"):
		return "its user does not exist in the image", "Set securityContext.runAsUser and runAsGroup to numbers, or add the user to " +
			"the image."
	case has("seccomp", "apparmor", "AppArmor"):
		return "its seccomp or AppArmor profile cannot be loaded", "Put the profile onto the nodes, or name one that is there " +
			"(RuntimeDefault) in securityContext."
	case has("is reserved for"):
		return "the container runtime is still processing an earlier attempt",
			"The runtime of the node is slow or stuck: look at its disk and at the log of its container runtime, and restart that if " +
				"it stays so."
	case has("context deadline exceeded", "DeadlineExceeded"):
		return "the container runtime timed out", "Look at the node's disk and load, and at the log of its container runtime."
	default:
		return "the container runtime returned an error", ""
	}
}

// commandOf is the command that a runtime's message names, with a space before it; empty when it names none. runc quotes
// it as exec: "/app", crun as executable file `app`.
func commandOf(message string) string {
	if command, ok := apimessage.QuotedAfter(strings.ReplaceAll(message, `\"`, `"`), "exec: "); ok {
		return " " + command
	}
	if _, rest, ok := strings.Cut(message, "executable file `"); ok {
		if command, _, closed := strings.Cut(rest, "`"); closed {
			return " " + command
		}
	}
	return ""
}
