package checks

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const imagesLink = "https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff"

func imageChecks() []Check {
	check := func(id, summary, meaning, remediation string) Check {
		return Check{
			ID: id, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: summary, Meaning: meaning, Remediation: remediation, Link: imagesLink,
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Event, facts.ReplicaSet, facts.Job},
			Run: func(g *facts.Graph, p Params) []Finding { return imageFindings(g, id) },
		}
	}
	return []Check{
		check("image-not-found", "An image, or its tag, does not exist in its registry.",
			"The registry answered, and knows no such image, tag or digest, or has none for the node's platform.",
			"Compare name and tag with what was pushed; a slip of the pen and a build that failed are the usual reasons."),
		check("image-pull-denied", "A registry refuses to hand out an image.",
			"The registry answered that it needs credentials, or that these have no right to the image. Some registries answer the same for images that do not exist.",
			"Name a pull secret with valid credentials in imagePullSecrets of the Pod or of its ServiceAccount "+
				"(kubectl create secret docker-registry), or grant the node's identity the right to pull; check the image's name as well."),
		check("image-registry-unreachable", "The registry of an image cannot be reached from the node.",
			"The node's container runtime got no answer: the name does not resolve, nothing listens, the connection timed out, or TLS failed.",
			"Check the registry's host name in the image, and from a node DNS, routes, proxies and certificates; check that the registry is up."),
		check("image-pull-failed", "An image could not be pulled.",
			"The pull failed in a way that is neither a missing image, nor missing rights, nor an unreachable registry: "+
				"for example a malformed name, a rate limit, a full disk, or an image that is not on the node and may not be pulled.",
			"Read the message in the evidence; kubectl describe pod shows later tries."),
	}
}

// imageFindings are the findings of one of the image checks: the failures of its class.
func imageFindings(g *facts.Graph, class string) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) {
			continue
		}
		for _, c := range allContainers(pod) {
			if c.State.Status != facts.StateWaiting || !imageReason(c.State.Reason) {
				continue
			}
			message, evidence := pullMessage(g, pod, c)
			found, advice := classifyPull(c.State.Reason, message)
			if found != class {
				continue
			}
			failures = append(failures, failure{pod: pod, discriminator: c.Name, finding: Finding{
				Message:     fmt.Sprintf("Image %s of container %s cannot be pulled: %s.", c.Image, c.Name, pullText(found, c.State.Reason, message)),
				Remediation: advice,
				Evidence:    []Evidence{evidence},
			}})
		}
	}
	return rollup(g, failures)
}

// imageReason says whether a container waits for its image. The reasons are those of kubelet's pkg/kubelet/images.
func imageReason(reason string) bool {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		return true
	default:
		return false
	}
}

// pullMessage is what the container runtime said of the failed pull. While the kubelet backs off, the state holds that text
// only in newer versions; the event of the failed try has it always, as long as there is one.
func pullMessage(g *facts.Graph, pod *facts.PodNode, c facts.Container) (string, Evidence) {
	if c.State.Reason != "ImagePullBackOff" || strings.Contains(c.State.Message, "ErrImagePull") {
		return c.State.Message, condition("container %s is waiting, %s: %s", c.Name, c.State.Reason, c.State.Message)
	}
	for _, e := range g.EventsOf(pod.Ref) {
		if e.Reason == "Failed" && strings.Contains(e.Message, "Failed to pull image") && strings.Contains(e.Message, c.Image) {
			return e.Message, event(e)
		}
	}
	return c.State.Message, condition("container %s is waiting, %s: %s", c.Name, c.State.Reason, c.State.Message)
}

// pullTexts are fragments of what containerd, CRI-O, Docker and registries say, by what they mean. Order matters: the first
// class with a match wins, since a message about refused access often says "not found" as well.
func pullTexts() []struct {
	class string
	texts []string
} {
	return []struct {
		class string
		texts []string
	}{
		{"image-pull-failed", []string{"toomanyrequests", "429 too many requests", "rate limit", "no space left on device"}},
		{"image-registry-unreachable", []string{
			"connection refused", "no such host", "i/o timeout", "network is unreachable", "no route to host", "tls handshake timeout",
			"x509:", "certificate", "context deadline exceeded", "server misbehaving", "connection reset", "http: server gave http response to https client",
			"temporary failure in name resolution", "502 bad gateway", "503 service unavailable", "504 gateway",
		}},
		{"image-pull-denied", []string{
			"401 unauthorized", "403 forbidden", "unauthorized", "authorization failed", "authentication required", "access denied", "access to the resource is denied",
			"insufficient_scope", "no basic auth credentials", "forbidden", "denied:", "permission",
		}},
		{"image-not-found", []string{
			"not found", "manifest unknown", "name unknown", "name_unknown", "manifest_unknown", "does not exist", "no matching manifest", "no match for platform",
		}},
	}
}

// classifyPull says which check a failed pull belongs to, and gives better advice than the check's where there is some.
func classifyPull(reason, message string) (class, advice string) {
	lower := strings.ToLower(message)
	switch reason {
	case "InvalidImageName":
		return "image-pull-failed", "Correct the image's name: registry/path:tag, in lower case but for the tag."
	case "ErrImageNeverPull":
		return "image-pull-failed", "The Pod's imagePullPolicy is Never and the node does not have the image: load it onto the node, or use IfNotPresent."
	}
	for _, known := range pullTexts() {
		for _, text := range known.texts {
			if strings.Contains(lower, text) {
				return known.class, pullAdvice(text)
			}
		}
	}
	return "image-pull-failed", ""
}

func pullAdvice(text string) string {
	switch text {
	case "toomanyrequests", "429 too many requests", "rate limit":
		return "The registry limits how often it may be asked: pull with credentials, or through a mirror of your own."
	case "no space left on device":
		return "The node's disk is full: free or enlarge it; kubectl describe node shows its disk pressure."
	case "x509:", "certificate":
		return "The node does not trust the registry's certificate: install its CA on the nodes, or give the registry a certificate of a CA that they trust."
	case "no such host", "server misbehaving", "temporary failure in name resolution":
		return "The node cannot resolve the registry's host name: correct the name in the image, or the DNS of the node."
	default:
		return ""
	}
}

// pullText says in a few words, which hold still from try to try, why a pull fails.
func pullText(class, reason, message string) string {
	switch {
	case reason == "InvalidImageName":
		return "the name is not one of an image"
	case reason == "ErrImageNeverPull":
		return "it is not on the node, and the pull policy is Never"
	case class == "image-not-found":
		return "the registry has no such image or tag"
	case class == "image-pull-denied":
		return "the registry denies access"
	case class == "image-registry-unreachable":
		return "the registry cannot be reached"
	case strings.Contains(strings.ToLower(message), "no space left"):
		return "the node's disk is full"
	case strings.Contains(strings.ToLower(message), "toomanyrequests"), strings.Contains(strings.ToLower(message), "rate limit"):
		return "the registry's rate limit is used up"
	default:
		return "see the evidence"
	}
}
