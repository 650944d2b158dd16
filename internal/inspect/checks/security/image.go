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
			Summary: "A workload uses images with the tag latest, or without a tag.",
			Meaning: "The tag latest changes with every push: a restart can start another version, a rollback has no effect, and the " +
				"version that ran before is unknown. An image without a tag has the tag latest. Images with a digest are not " +
				"reported." + kubeSystemNote(),
			Remediation: "Use a version tag, or better a digest. `kubectl get pod <pod> -o " +
				"jsonpath='{.status.containerStatuses[*].imageID}'` shows the digest that runs now.",
			Link: link + "#image-names",
			Run:  specCheck(v1alpha1.SeverityLow, "uses images with the tag latest, or without a tag", latestImages),
		},
		{
			ID: "image-pull-policy-stale", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "Nodes can run different images of a mutable tag.",
			Meaning: "The tag is mutable (latest, main, master, develop, edge, nightly and similar, or no tag), and imagePullPolicy is " +
				"IfNotPresent or Never: each node keeps the image that it pulled first, and Pods of a workload can run different " +
				"versions." + kubeSystemNote(),
			Remediation: "Use a version tag or a digest. If the tag must be mutable, set imagePullPolicy: Always.",
			Link:        link + "#image-pull-policy",
			ExplainedBy: []string{"image-tag-mutable"},
			Run:         specCheck(v1alpha1.SeverityLow, "can run different images of a mutable tag on different nodes", staleImages),
		},
		{
			ID: "image-registry-frozen", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload uses images from a registry that gets no updates any more.",
			Meaning: "The images are of k8s.gcr.io or gcr.io/google-containers, which were frozen in 2023 in favor of registry.k8s.io, " +
				"or of docker.io/bitnamilegacy, where Bitnami left its free images in 2025. They get no security fixes, and may be " +
				"removed at any time." + kubeSystemNote(),
			Remediation: "Use the image of the registry that replaces it: registry.k8s.io has the images of Kubernetes under the same " +
				"paths. For Bitnami, use the image of the project itself, or Bitnami's own subscription.",
			Link: "https://kubernetes.io/blog/2023/03/10/image-registry-redirect/",
			Run:  specCheck(v1alpha1.SeverityLow, "uses images from a registry that gets no updates any more", frozenImages),
		},
		{
			ID: "image-registry-not-allowed", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "A workload uses images from a registry that is not allowed.",
			Meaning: "The inspection has a list of allowed registries, and the image comes from none of them. Full names are compared: " +
				"nginx is docker.io/library/nginx. An entry such as registry.example.com/team allows all repositories below it. " +
				"Without a list, the check reports nothing.",
			Remediation: "Copy the image to an allowed registry and use it from there, or add its registry to the list.",
			Link:        link,
			Run:         imageRegistryNotAllowed,
		},
	}
}

// imageParts splits an image into its full name and its tag; digest is true if it has a digest.
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

func frozenImages(spec *facts.PodSpec) []violation {
	frozen := []string{"k8s.gcr.io/", "gcr.io/google-containers/", "gcr.io/google_containers/", "docker.io/bitnamilegacy/"}
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		name, _, _ := imageParts(c.Image)
		if slices.ContainsFunc(frozen, func(registry string) bool { return strings.HasPrefix(name, registry) }) {
			return "image " + c.Image, ""
		}
		return "", ""
	})
}

func latestImages(spec *facts.PodSpec) []violation {
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
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

func staleImages(spec *facts.PodSpec) []violation {
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		_, tag, digest := imageParts(c.Image)
		policy := c.ImagePullPolicy
		if policy == "" && tag != "" && tag != "latest" {
			policy = corev1.PullIfNotPresent // the API server's default
		}
		if digest || c.Image == "" || !isMutableTag(tag) || policy != corev1.PullIfNotPresent && policy != corev1.PullNever {
			return "", ""
		}
		return "image " + c.Image + ", imagePullPolicy: " + string(policy), ""
	})
}

func isMutableTag(tag string) bool {
	switch tag {
	case "", "latest", "main", "master", "develop", "dev", "development", "edge", "nightly", "snapshot", "canary", "head", "HEAD", "trunk",
		"staging":
		return true
	default:
		return false
	}
}

// imageRegistryNotAllowed has the same severity in kube-system: the user configured the list.
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
	rule := func(c *corev1.Container) (string, v1alpha1.Severity) {
		name, _, _ := imageParts(c.Image)
		below := func(entry string) bool { return name == entry || strings.HasPrefix(name, entry+"/") }
		if c.Image == "" || slices.ContainsFunc(allowed, below) {
			return "", ""
		}
		return "image " + c.Image + " is " + name, v1alpha1.SeverityMedium
	}
	var findings []check.Finding
	evaluate := func(spec *facts.PodSpec) []violation {
		return append(containerViolations(spec, rule), ephemeralContainerViolations(spec, rule)...)
	}
	for _, result := range evaluateSpecs(g, true, evaluate) {
		finding := result.finding(v1alpha1.SeverityMedium, "uses images from a registry that is not allowed")
		finding.Severity = v1alpha1.SeverityMedium
		findings = append(findings, finding)
	}
	return findings
}
