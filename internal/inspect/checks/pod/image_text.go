package pod

import (
	"strings"

	"kubeops.io/kubeops/internal/remedy"
)

// failedPull is what a failed pull means.
type failedPull struct {
	// check that reports it.
	check string
	// why it fails, in words that are stable between attempts.
	why string
	// remedy is better advice than the check's; may be empty.
	remedy remedy.Text
	// mayPass is set when a retry may succeed.
	mayPass bool
}

// classifyPull says what the failed pull of an image means, from the reason that the kubelet gives and the text of the
// container runtime. The text may be empty.
func classifyPull(reason, image, text string) failedPull {
	switch reason {
	case "InvalidImageName":
		return invalidName()
	case "ErrImageNeverPull":
		return failedPull{
			check: imageFailed, why: "it is not on the node and imagePullPolicy is Never",
			remedy: "Load the image onto every node that may run the Pod, or set imagePullPolicy to IfNotPresent.",
		}
	case "SignatureValidationFailed":
		return failedPull{
			check: imageFailed, why: "signature validation failed",
			remedy: "Sign the image with a key that the signature policy of the nodes' container runtime trusts, or correct that policy.",
		}
	}
	words := strings.ToLower(wordsOf(text, image))
	for _, known := range pullTexts() {
		for _, t := range known.texts {
			if strings.Contains(words, t) {
				return known.failedPull
			}
		}
	}
	if reason == "RegistryUnavailable" {
		return unreachable("the registry does not answer", "")
	}
	if text == "" {
		return failedPull{
			check: imageFailed, why: "the kubelet is waiting to retry and the last error is no longer available", mayPass: true,
			remedy: "See the next attempt: `kubectl describe pod <pod>` shows it under Events within five minutes.",
		}
	}
	return failedPull{check: imageFailed, why: "unrecognized error from the container runtime, see the evidence", mayPass: true}
}

func invalidName() failedPull {
	return failedPull{
		check: imageFailed, why: "the image name is invalid",
		remedy: "Write it as registry/path:tag, all in lower case but for the tag, without spaces and without https://.",
	}
}

func unreachable(why string, fix remedy.Text) failedPull {
	return failedPull{check: imageUnreachable, why: why, remedy: fix, mayPass: true}
}

// wordsOf leaves out of a text what only repeats names: the image, what is quoted, and URLs. An image may be called
// denied, or be tagged 401.
func wordsOf(text, image string) string {
	if strings.Contains(image, "/") {
		repository, _, _ := strings.Cut(image, "@")
		if colon := strings.LastIndexByte(repository, ':'); colon > strings.LastIndexByte(repository, '/') {
			repository = repository[:colon]
		}
		text = strings.ReplaceAll(strings.ReplaceAll(text, image, ""), repository, "")
	}
	var kept strings.Builder
	for i, part := range strings.Split(strings.ReplaceAll(text, `\"`, `"`), `"`) {
		if i%2 == 0 {
			kept.WriteString(part)
		}
	}
	var words []string
	for _, w := range strings.Fields(kept.String()) {
		if strings.Contains(w, "://") {
			if strings.HasSuffix(w, ":") { // what follows describes the URL
				words = append(words, "url:")
			}
			continue
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// pullText is a failed pull with the fragments of text that tell it, in lower case.
type pullText struct {
	failedPull
	texts []string
}

// pullTexts are fragments of what containerd, CRI-O, Docker and registries say, by what they mean. Order matters: the first
// with a match wins, from the most to the least telling.
func pullTexts() []pullText {
	return append(append(oddPulls(), unreachablePulls()...), refusedPulls()...)
}

// oddPulls are failures that also say "not found" or "denied", and mean something else.
func oddPulls() []pullText {
	return []pullText{
		{failedPull{
			check: imageFailed, why: "the registry's rate limit is exceeded", mayPass: true,
			remedy: "Pull with credentials of an account with a higher limit (imagePullSecrets), or through a mirror.",
		}, []string{"toomanyrequests", "too many requests", "rate limit"}},
		{failedPull{
			check: imageFailed, why: "it has no manifest for the node's OS and architecture",
			remedy: "Build the image for the platform of the nodes too (docker buildx build --platform), or select nodes that it fits " +
				"with nodeSelector kubernetes.io/arch.",
		}, []string{"no match for platform", "no matching manifest", "no image found in image index", "no image found in manifest list"}},
		{failedPull{
			check: imageFailed, why: "the node's disk is full",
			remedy: "Free or enlarge the disk of the node: `kubectl describe node <node>` shows its disk pressure, `crictl rmi " +
				"--prune` on the node removes unused images.",
		}, []string{"no space left on device"}},
		{invalidName(), []string{"invalid reference format", "couldn't parse image"}},
		{failedPull{
			check: imageFailed, why: "its name has no registry and the node has no default registry",
			remedy: "Write the image with its registry: registry/path:tag. The nodes' container runtime has no " +
				"unqualified-search-registries, or cannot choose.",
		}, []string{"short-name", "short name", "unqualified-search"}},
		{failedPull{
			check: imageFailed, why: "signature validation failed",
			remedy: "Sign the image with a key that the signature policy of the nodes' container runtime trusts, or correct that policy.",
		}, []string{"signature validation failed", "a signature was required", "source image rejected"}},
		{failedPull{
			check: imageFailed, why: "its manifest format (schema 1) is no longer supported by the container runtime",
			remedy: "Push the image again with a current tool: schema 1 manifests are not supported since containerd 2.",
		}, []string{"schema 1", "manifest.v1+prettyjws", "unsupported manifest media type"}},
	}
}

// unreachablePulls are failures before the registry could answer.
func unreachablePulls() []pullText {
	return []pullText{
		{unreachable("the node cannot resolve the registry's hostname",
			"Check the hostname in the image for a typo, then the DNS of the node (nslookup <registry> on the node)."),
			[]string{
				"no such host", "server misbehaving", "temporary failure in name resolution", "name or service not known", "dial udp",
				"read udp",
			}},
		{unreachable("the node does not trust the registry's certificate",
			"Install the CA of the registry's certificate on the nodes (for containerd in certs.d/<registry>/hosts.toml), or give the "+
				"registry a certificate that they trust and that names its host."),
			[]string{"x509:", "certificate signed by unknown authority", "certificate has expired", "certificate is not valid"}},
		{unreachable("the registry serves plain HTTP but the node expects HTTPS",
			"Give the registry TLS, or allow plain HTTP for it in the nodes' container runtime (for containerd in "+
				"certs.d/<registry>/hosts.toml)."),
			[]string{"server gave http response to https client"}},
		{unreachable("nothing listens at the registry's address",
			"Check host name and port at the start of the image, that the registry is up, and that no proxy setting of the node points "+
				"to a dead proxy."),
			[]string{"connection refused"}},
		{unreachable("the registry timed out",
			"From the node, check routes, firewalls and proxy on the way to the registry (curl -v https://<registry>/v2/)."),
			[]string{
				"i/o timeout", "tls handshake timeout", "context deadline exceeded", "deadlineexceeded", "client.timeout exceeded",
				"connection timed out",
				"request canceled while waiting",
			}},
		{unreachable("the node has no route to the registry or the connection is reset",
			"From the node, check routes, firewalls and proxy on the way to the registry (curl -v https://<registry>/v2/)."),
			[]string{
				"no route to host", "network is unreachable", "connection reset", "broken pipe", "unexpected eof", "url: eof", ": eof",
				"proxyconnect",
				"tls: ", "remote error",
			}},
		{unreachable("the registry returned a server error (5xx)",
			"Check the status and log of the registry and of any proxy in front of it."),
			[]string{
				"500 internal server error", "502 bad gateway", "503 service unavailable", "504 gateway", "status code 500",
				"status code 502", "status code 503",
				"the registry is unavailable",
			}},
	}
}

// refusedPulls are answers of the registry.
func refusedPulls() []pullText {
	return []pullText{
		{failedPull{
			check: imageDenied, why: "the registry reports that the image does not exist or requires credentials",
			remedy: "Check name and tag for a typo first. If the image is private, add a Secret with credentials in imagePullSecrets " +
				"of the Pod or of its ServiceAccount: `kubectl create secret docker-registry <name> --docker-server=<registry> " +
				"--docker-username=<user> --docker-password=<password>`.",
		}, []string{"repository does not exist or may require", "insufficient_scope", "requested access to the resource is denied"}},
		{failedPull{check: imageDenied, why: "the registry denies access"}, []string{
			"401 unauthorized", "403 forbidden", "status code 401", "status code 403", "unauthorized", "authorization failed",
			"authentication required",
			"access denied", "denied:", "access forbidden", "no basic auth credentials", "failed to authorize",
			"failed to fetch anonymous token",
			"failed to fetch oauth token", "incorrect username or password", "permissiondenied", "error getting credentials",
			"permission_denied",
		}},
		{failedPull{check: imageNotFound, why: "the registry has no such image or tag"}, []string{
			"not found", "manifest unknown", "name unknown", "name_unknown", "manifest_unknown", "does not exist", "code = notfound",
			"no such image", "status code 404",
		}},
	}
}
