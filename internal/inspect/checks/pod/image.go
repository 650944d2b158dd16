package pod

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Ids of the checks that one judgement of a failed pull tells apart.
const (
	imageNotFound    = "image-not-found"
	imageDenied      = "image-pull-denied"
	imageUnreachable = "image-registry-unreachable"
	imageFailed      = "image-pull-failed"
)

func imageChecks() []check.Check {
	pullCheck := func(id, summary, meaning string, remediation remedy.Text) check.Check {
		return check.Check{
			ID: id, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: summary, Meaning: meaning, Remediation: remediation,
			Link:  "https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff",
			Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(facts.Event, facts.Secret),
			Run: imageCheck(id),
		}
	}
	return []check.Check{
		pullCheck(imageNotFound, "An image, or its tag, does not exist in its registry.",
			"The registry responded that the image, tag or digest does not exist.",
			"Compare name and tag with what was pushed. Usual causes are a typo and a failed build."),
		pullCheck(imageDenied, "A registry denies the pull of an image.",
			"The registry requires credentials, or the ones it received have no permission for the image. Many registries return the "+
				"same error for images that do not exist.",
			"Check the image name first. Then add a Secret with valid credentials to imagePullSecrets of the Pod or its ServiceAccount "+
				"(`kubectl create secret docker-registry`), or grant the nodes' identity permission to pull."),
		pullCheck(imageUnreachable, "The registry of an image cannot be reached from the node.",
			"The node's container runtime got no response: the registry's hostname does not resolve, nothing listens there, the "+
				"connection timed out, or TLS failed. Pods younger than the startup grace are ignored, since such failures may be "+
				"temporary.",
			"Check the registry's host name in the image; from a node, check DNS, routes, proxy and certificates; check that the "+
				"registry is up."),
		pullCheck(imageFailed, "An image could not be pulled.",
			"The pull failed in a way that is neither a missing image, nor missing permissions, nor an unreachable registry: for "+
				"example a malformed name, a rate limit, an image without a version for the node's platform, a full disk, or an image "+
				"that is not on the node with imagePullPolicy Never. Pods younger than the startup grace are ignored.",
			"Read the message in the evidence; `kubectl describe pod <pod>` shows later attempts."),
	}
}

func imageCheck(id string) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, p check.Params) []check.Finding {
		var failures []check.FailingPod
		for _, pod := range g.Pods {
			if !pod.IsActive() {
				continue
			}
			for _, c := range allContainers(pod) {
				if c.State.Status != facts.StateWaiting || !imageReason(c.State.Reason) {
					continue
				}
				text, evidence := pullMessage(g, pod, c)
				pull := classifyPull(c.State.Reason, c.Image, text)
				if pull.check != id || pull.mayPass && !g.OlderThan(pod.Created, p.StartupGrace) {
					continue
				}
				failures = append(failures,
					check.FailingPod{Pod: pod, Discriminator: c.Name, Finding: imageFinding(g, pod, c, pull, evidence)})
			}
		}
		return check.RollUp(g, failures)
	}
}

// imageReason reports whether a container waits for its image. The reasons are those of pkg/kubelet/images/types.go and
// k8s.io/cri-api/pkg/errors.
func imageReason(reason string) bool {
	switch reason {
	case "ErrImagePull",
		"ImagePullBackOff",
		"ErrImageNeverPull",
		"InvalidImageName",
		"ImageInspectError",
		"RegistryUnavailable",
		"SignatureValidationFailed":
		return true
	default:
		return false
	}
}

// pullMessage is the container runtime's error for the failed pull. While the kubelet backs off, the state holds that text
// only in newer versions; the event of the failed try has it always, as long as there is one.
func pullMessage(g *facts.Graph, pod *facts.PodNode, c facts.Container) (string, []check.Evidence) {
	state := waitingEvidence(pod, c)
	_, said, _ := strings.Cut(c.State.Message, ": ")
	if c.State.Reason != "ImagePullBackOff" || said != "" {
		return c.State.Message, []check.Evidence{state}
	}
	if e := containerEvent(g, pod, c, "Failed", "Failed to pull image"); e != nil && strings.Contains(e.Message, c.Image) {
		return e.Message, []check.Evidence{check.FromEvent(e), state}
	}
	if e := containerEvent(g, pod, c, "InspectFailed", ""); e != nil {
		return e.Message, []check.Evidence{check.FromEvent(e), state}
	}
	return "", []check.Evidence{state}
}

func imageFinding(g *facts.Graph, pod *facts.PodNode, c facts.Container, pull failedPull, evidence []check.Evidence) check.Finding {
	f := check.Finding{
		Message:     fmt.Sprintf("Image %s of %s of %s cannot be pulled: %s.", c.Image, nameOf(pod, c), g.OwnerName(pod), pull.why),
		Remediation: pull.remedy,
		Evidence:    evidence,
	}
	if pull.check == imageDenied {
		f.Evidence = append(f.Evidence, pullSecretEvidence(g, pod)...)
	}
	if pull.check == imageUnreachable {
		f.Evidence = append(f.Evidence, check.FromSpec("node %s", pod.NodeName))
	}
	return f
}

// pullSecretEvidence says which credentials a Pod brings for its registry. Those of its ServiceAccount stand in its spec as
// well, since admission copies them there.
func pullSecretEvidence(g *facts.Graph, pod *facts.PodNode) []check.Evidence {
	var evidence []check.Evidence
	if pod.Spec == nil {
		return nil
	}
	for _, r := range pod.Spec.Refs {
		if r.Field != "imagePullSecrets" {
			continue
		}
		if g.Complete(facts.Secret, pod.Namespace) && !g.Has(facts.Ref{Kind: facts.Secret, Namespace: pod.Namespace, Name: r.Name}) {
			evidence = append(evidence, check.FromSpec("imagePullSecrets references Secret %s, which does not exist", r.Name))
		} else {
			evidence = append(evidence, check.FromSpec("imagePullSecrets references Secret %s", r.Name))
		}
	}
	if len(evidence) == 0 {
		return []check.Evidence{check.FromSpec("neither the Pod nor its ServiceAccount has imagePullSecrets")}
	}
	return evidence
}
