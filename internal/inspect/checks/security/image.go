package security

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func imageSourceChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/containers/images/"
	return []check.Check{
		{
			ID: "image-tag-mutable", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload runs images by the tag latest, or by none.",
			Meaning: "What the tag latest means changes with every push: a restart may bring another program, a rollback brings nothing back, and no one can tell what ran " +
				"yesterday. No tag means latest. Images with a digest are fine." + aboutKubeSystem(),
			Remediation: "Name a version, or better a digest: `kubectl get pod <pod> -o jsonpath='{.status.containerStatuses[*].imageID}'` shows what runs now.",
			Link:        link + "#image-names",
			Run:         specCheck(v1alpha1.SeverityLow, "runs images by the tag latest, or by none", latestImages),
		},
		{
			ID: "image-pull-policy-stale", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "Nodes may run different images under one moving tag.",
			Meaning: "The tag moves (latest, main, master, develop, edge, nightly and the like, or none), and the pull policy is IfNotPresent or Never: each node keeps " +
				"what the tag meant when it first pulled it, so that Pods of one workload run different programs." + aboutKubeSystem(),
			Remediation: "Name a version or a digest. If the tag must move, set imagePullPolicy: Always.",
			Link:        link + "#image-pull-policy",
			ExplainedBy: []string{"image-tag-mutable"},
			Run:         specCheck(v1alpha1.SeverityLow, "may run different images on different nodes under one moving tag", staleImages),
		},
		{
			ID: "image-registry-not-allowed", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "A workload runs images from a registry that is not allowed.",
			Meaning: "Registries that are allowed were named for this inspection, and the image comes from none of them. Names are compared in full: nginx is " +
				"docker.io/library/nginx, and an entry such as registry.example.com/team allows what is below that path. Without such a list the check finds nothing.",
			Remediation: "Copy the image to an allowed registry and name it there, or add the registry to the list.",
			Link:        link,
			Run:         imageRegistryNotAllowed,
		},
	}
}

// imageParts are an image's full name without tag and digest, and its tag; digest says whether it has one.
func imageParts(image string) (name, tag string, digest bool) {
	image, _, digest = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		image, tag = image[:colon], image[colon+1:]
	}
	host, rest, ok := strings.Cut(image, "/")
	switch {
	case !ok:
		return "docker.io/library/" + image, tag, digest
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return "docker.io/" + image, tag, digest
	case host == "index.docker.io" || host == "registry-1.docker.io" || host == "docker.io":
		if !strings.Contains(rest, "/") {
			rest = "library/" + rest
		}
		return "docker.io/" + rest, tag, digest
	default:
		return strings.ToLower(host) + "/" + rest, tag, digest
	}
}

func latestImages(s *facts.PodSpec) []piece {
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
		switch _, tag, digest := imageParts(c.Image); {
		case digest || c.Image == "":
			return "", ""
		case tag == "":
			return "image " + c.Image + " has no tag", ""
		case tag == "latest":
			return "image " + c.Image, ""
		default:
			return "", ""
		}
	})
}

func staleImages(s *facts.PodSpec) []piece {
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
		_, tag, digest := imageParts(c.Image)
		policy := c.ImagePullPolicy
		if policy == "" && tag != "" && tag != "latest" {
			policy = corev1.PullIfNotPresent // the API server's default
		}
		if digest || c.Image == "" || !movingTag(tag) || policy != corev1.PullIfNotPresent && policy != corev1.PullNever {
			return "", ""
		}
		return "image " + c.Image + ", imagePullPolicy: " + string(policy), ""
	})
}

func movingTag(tag string) bool {
	switch tag {
	case "", "latest", "main", "master", "develop", "dev", "development", "edge", "nightly", "snapshot", "canary", "head", "HEAD", "trunk", "staging":
		return true
	default:
		return false
	}
}

// imageRegistryNotAllowed is no milder in kube-system: the list is the reader's own word.
func imageRegistryNotAllowed(g *facts.Graph, params check.Params) []check.Finding {
	var allowed []string
	for _, entry := range params.AllowedRegistries {
		entry = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(entry), "*"), "/")
		host, rest, ok := strings.Cut(entry, "/")
		if host == "index.docker.io" || host == "registry-1.docker.io" {
			host = "docker.io"
		}
		if entry = strings.ToLower(host); ok {
			entry += "/" + rest
		}
		if entry != "" {
			allowed = append(allowed, entry)
		}
	}
	if len(allowed) == 0 {
		return nil
	}
	judge := func(c *corev1.Container) (string, v1alpha1.Severity) {
		name, _, _ := imageParts(c.Image)
		below := func(entry string) bool { return name == entry || strings.HasPrefix(name, entry+"/") }
		if c.Image == "" || slices.ContainsFunc(allowed, below) {
			return "", ""
		}
		return "image " + c.Image + " is " + name, v1alpha1.SeverityMedium
	}
	var findings []check.Finding
	for _, v := range judgeSpecs(g, true, func(s *facts.PodSpec) []piece { return append(containerPieces(s, judge), debugPieces(s, judge)...) }) {
		finding := v.finding(v1alpha1.SeverityMedium, "runs images from a registry that is not allowed")
		finding.Severity = v1alpha1.SeverityMedium
		findings = append(findings, finding)
	}
	return findings
}
