package pod

import (
	"fmt"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// lastEnd is how a container ended the last time, and whether it ever did.
func lastEnd(c facts.Container) (facts.ContainerState, bool) {
	if c.State.Status == facts.StateTerminated {
		return c.State, true
	}
	return c.Last(), c.Last().Status == facts.StateTerminated
}

func outOfMemory(s facts.ContainerState) bool {
	return s.Status == facts.StateTerminated && s.Reason == "OOMKilled"
}

// lostWithNode reports whether a container ended because its node or its container runtime went away. The
// kubelet gives these reasons when it finds a container gone after a restart.
func lostWithNode(s facts.ContainerState) bool {
	return s.Reason == "Unknown" || s.Reason == "ContainerStatusUnknown"
}

// endEvidence tells how a container ended.
func endEvidence(pod *facts.PodNode, c facts.Container, end facts.ContainerState) check.Evidence {
	text := fmt.Sprintf("%s terminated with %s", nameOf(pod, c), exitText(end))
	if end.Reason != "" && end.Reason != "Error" {
		text += ", reason " + end.Reason
	}
	if c.Restarts > 0 {
		text += fmt.Sprintf(", restarted %d %s", c.Restarts, phrase.Plural(int(c.Restarts), "time", "times"))
	}
	if end.Message != "" {
		text += ": " + end.Message
	}
	return check.FromCondition("%s", text)
}

// exitCode of an end; runtimes that tell the signal alone are brought to the same form.
func exitCode(end facts.ContainerState) int32 {
	if end.ExitCode == 0 && end.Signal != 0 {
		return 128 + end.Signal
	}
	return end.ExitCode
}

// exitText says what an exit code means. Codes over 128 are 128 plus the number of the signal (POSIX shells, and the
// container runtimes after them); 126 and 127 are those of a shell that cannot run a command.
func exitText(end facts.ContainerState) string {
	code := exitCode(end)
	meaning := map[int32]string{
		0: "no error", 1: "application error", 2: "application error, often invalid arguments",
		126: "command not executable", 127: "command not found", 129: "SIGHUP", 130: "SIGINT", 131: "SIGQUIT",
		132: "SIGILL: illegal instruction", 133: "SIGTRAP", 134: "SIGABRT: the program aborted",
		135: "SIGBUS", 136: "SIGFPE: arithmetic error", 137: "SIGKILL", 139: "SIGSEGV: invalid memory access", 141: "SIGPIPE",
		143: "SIGTERM",
	}[code]
	switch {
	case meaning != "":
		return fmt.Sprintf("exit code %d (%s)", code, meaning)
	case code > 128 && code <= 128+64:
		return fmt.Sprintf("exit code %d (signal %d)", code, code-128)
	default:
		return fmt.Sprintf("exit code %d", code)
	}
}

// exitAdvice says what to do about a container that ends with a code.
func exitAdvice(g *facts.Graph, pod *facts.PodNode, c facts.Container, end facts.ContainerState) remedy.Text {
	log := logsCommand(pod, c)
	switch exitCode(end) {
	case 0:
		return remedy.Sprintf("The program exits without an error and restartPolicy restarts it: keep it in the foreground (%s shows its "+
			"output), or run it as a Job if it is meant to finish.", log)
	case 126, 127:
		return remedy.Sprintf("A command in the container's script is not in the image or not executable: %s shows which. Correct command "+
			"and args of %s, or the image.", log, g.OwnerName(pod))
	case 137:
		return remedy.Sprintf("It was killed with SIGKILL but not marked OOMKilled. Look for node pressure and for a program that ignores "+
			"SIGTERM: `kubectl -n %s describe pod %s` and %s. The kernel log of node %s shows "+
			"OOM kills.", pod.Namespace, pod.Name, log, pod.NodeName)
	case 132, 135, 136, 139:
		return remedy.Sprintf("The program itself crashes (native code): %s shows its last log lines. Try the previous image version, "+
			"check that the image is built for this CPU architecture, and look for a core dump.", log)
	default:
		return remedy.Sprintf("Read its last log lines: %s, and fix the error shown. If it worked before, see what changed: `kubectl -n "+
			"%s describe pod %s`%s.", log, pod.Namespace, pod.Name, rollback(g, pod))
	}
}

// rollback continues a sentence with the command that restores the previous revision of a Pod's workload; empty for a kind without
// revisions.
func rollback(g *facts.Graph, pod *facts.PodNode) remedy.Text {
	owner := g.TopOwner(pod.Ref)
	switch owner.Kind {
	case facts.Deployment, facts.StatefulSet, facts.DaemonSet:
		if g.NoEarlierRevision(owner) {
			return ""
		}
		return remedy.Sprintf("; `kubectl -n %s rollout undo %s/%s` restores the previous revision, if there is one", owner.Namespace,
			owner.Kind.Argument(), owner.Name)
	default:
		return ""
	}
}
