package pod

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// The texts are those that container runtimes and registries give, with the names of registries replaced.
func TestFailedPullsAreToldApart(t *testing.T) {
	const image = "registry.example.com/shop/api:v9"
	for name, tc := range map[string]struct {
		reason, image, text string
		wantCheck, wantWhy  string
	}{
		"containerd: no such tag": {"ErrImagePull", image, `rpc error: code = NotFound desc = failed to pull and unpack image ` +
			`"registry.example.com/shop/api:v9": ` +
			`failed to resolve reference "registry.example.com/shop/api:v9": registry.example.com/shop/api:v9: ` +
			`not found`, imageNotFound, "the registry has no such image or tag"},
		"containerd: may be missing or private": {"ErrImagePull", "nosuch:latest", `failed to pull and unpack image ` +
			`"registry.example.com/library/nosuch:latest": failed to resolve reference ` +
			`"registry.example.com/library/nosuch:latest": pull access denied, repository does not exist or may require authorization: ` +
			`server message: insufficient_scope: authorization failed`,
			imageDenied, "the registry reports that the image does not exist or requires credentials"},
		"containerd 1: 401": {"ErrImagePull", image, `rpc error: code = Unknown desc = failed to pull and unpack image ` +
			`"registry.example.com/shop/api:v9": failed to resolve reference ` +
			`"registry.example.com/shop/api:v9": pulling from host registry.example.com failed with status code [manifests v9]: 401 ` +
			`Unauthorized`, imageDenied, "the registry denies access"},
		"containerd 2: 403": {"ErrImagePull", image, `failed to pull and unpack image "registry.example.com/shop/api:v9": failed to ` +
			`resolve reference "registry.example.com/shop/api:v9": ` +
			`unexpected status from HEAD request to https://registry.example.com/v2/shop/api/manifests/v9: 403 ` +
			`Forbidden`, imageDenied, "the registry denies access"},
		"token refused": {"ErrImagePull", image, `failed to authorize: failed to fetch anonymous token: unexpected status from GET ` +
			`request to ` +
			`https://auth.example.com/token?scope=repository%3Ashop%2Fapi%3Apull: 401 ` +
			`Unauthorized`, imageDenied, "the registry denies access"},
		"token server that cannot be reached": {"ErrImagePull", image, `failed to authorize: failed to fetch anonymous token: Get ` +
			`"https://auth.example.com/token?scope=x": ` +
			`dial tcp 192.0.2.7:443: i/o timeout`, imageUnreachable, "the registry timed out"},
		"nothing listens": {"ErrImagePull", image, `rpc error: code = Unknown desc = failed to pull and unpack image ` +
			`"localhost:5000/a:1": failed to resolve reference "localhost:5000/a:1": ` +
			`failed to do request: Head "http://localhost:5000/v2/a/manifests/1": dial tcp 127.0.0.1:5000: connect: connection ` +
			`refused`, imageUnreachable, "nothing listens at the registry's address"},
		"unknown host": {"ErrImagePull", image, `failed to do request: Head "https://registry.example.com/v2/shop/api/manifests/v9": ` +
			`dial tcp: lookup registry.example.com on 10.96.0.10:53: no such host`,
			imageUnreachable, "the node cannot resolve the registry's hostname"},
		"broken DNS": {"ErrImagePull", image, `Head "https://registry.example.com/v2/": dial tcp: lookup registry.example.com on ` +
			`127.0.0.53:53: server misbehaving`,
			imageUnreachable, "the node cannot resolve the registry's hostname"},
		"DNS that cannot be reached": {"ErrImagePull", image, `failed to do request: Head "https://registry.example.com/v2/": dial ` +
			`tcp: lookup registry.example.com on 192.0.2.53:53: ` +
			`dial udp 192.0.2.53:53: connect: network is unreachable`, imageUnreachable, "the node cannot resolve the registry's hostname"},
		"certificate of an unknown CA": {"ErrImagePull", image, `failed to do request: Head "https://registry.example.com/v2/": tls: ` +
			`failed to verify certificate: x509: certificate signed by unknown authority`,
			imageUnreachable, "the node does not trust the registry's certificate"},
		"plain HTTP": {"ErrImagePull", image, `failed to do request: Head "https://registry.example.com/v2/": http: server gave HTTP ` +
			`response to HTTPS client`,
			imageUnreachable, "the registry serves plain HTTP but the node expects HTTPS"},
		"connection broken": {"ErrImagePull", image, `failed to authorize: failed to fetch anonymous token: Get ` +
			`"https://auth.example.com/token": EOF`,
			imageUnreachable, "the node has no route to the registry or the connection is reset"},
		"registry in trouble": {"ErrImagePull", image, `unexpected status from HEAD request to ` +
			`https://registry.example.com/v2/shop/api/manifests/v9: 503 Service Unavailable`,
			imageUnreachable, "the registry returned a server error (5xx)"},
		"the kubelet's word for it": {"RegistryUnavailable", image, "image pull failed for registry.example.com/shop/api:v9 because " +
			"the registry is unavailable: bad gateway",
			imageUnreachable, "the registry returned a server error (5xx)"},
		"rate limit": {"ErrImagePull", image, `failed to copy: httpReadSeeker: failed open: unexpected status code ` +
			`https://registry.example.com/v2/shop/api/manifests/v9: 429 Too Many Requests - ` +
			`Server message: toomanyrequests: You have reached your unauthenticated pull ` +
			`rate limit.`, imageFailed, "the registry's rate limit is exceeded"},
		"another platform": {"ErrImagePull", image, `rpc error: code = NotFound desc = failed to pull and unpack image ` +
			`"registry.example.com/shop/api:v9": no match for platform in manifest: not found`,
			imageFailed, "it has no manifest for the node's OS and architecture"},
		"Docker: another platform": {"ErrImagePull", image, "no matching manifest for linux/arm64/v8 in the manifest list entries",
			imageFailed, "it has no manifest for the node's OS and architecture"},
		"CRI-O: no such tag": {"ErrImagePull", image, `rpc error: code = Unknown desc = initializing source ` +
			`docker://registry.example.com/shop/api:v9: reading manifest v9 in ` +
			`registry.example.com/shop/api: manifest unknown`, imageNotFound, "the registry has no such image or tag"},
		"CRI-O: denied": {"ErrImagePull", image, "initializing source docker://registry.example.com/shop/api:v9: reading manifest v9 " +
			"in registry.example.com/shop/api: unauthorized: access to the requested resource is not authorized",
			imageDenied, "the registry denies access"},
		"CRI-O: short name": {"ErrImagePull", "api", `short-name "api:latest" did not resolve to an alias and no unqualified-search ` +
			`registries are defined in "/etc/containers/registries.conf"`,
			imageFailed, "its name has no registry and the node has no default registry"},
		"Docker: no such tag": {"ErrImagePull", "myapp:v2", "rpc error: code = Unknown desc = Error response from daemon: manifest for " +
			"myapp:v2 not found: manifest unknown: manifest unknown",
			imageNotFound, "the registry has no such image or tag"},
		"Docker: missing or private": {"ErrImagePull", "nosuch", "Error response from daemon: pull access denied for nosuch, " +
			"repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
			imageDenied, "the registry reports that the image does not exist or requires credentials"},
		"full disk": {"ErrImagePull", image, `failed to extract layer sha256:0123: mount callback failed on ` +
			`/var/lib/containerd/tmpmounts/x: write /usr/lib/x.so: no space left on device`,
			imageFailed, "the node's disk is full"},
		"invalid name": {"InvalidImageName", "Shop/API", `Failed to apply default image tag "Shop/API": couldn't parse image name ` +
			`"Shop/API": invalid reference format: repository name must be lowercase`,
			imageFailed, "the image name is invalid"},
		"never pulled": {"ErrImageNeverPull", image, `Container image "registry.example.com/shop/api:v9" is not present with pull ` +
			`policy of Never`,
			imageFailed, "it is not on the node and imagePullPolicy is Never"},
		"signature": {"SignatureValidationFailed", image, "image pull failed for registry.example.com/shop/api:v9 because the " +
			"signature validation failed: Source image rejected",
			imageFailed, "signature validation failed"},
		"nothing told": {"ImagePullBackOff", image, "", imageFailed, "the kubelet is waiting to retry and the last error is no longer " +
			"available"},
		"something new": {"ErrImagePull", image, "the moon is in the wrong house", imageFailed, "unrecognized error from the container " +
			"runtime, see the evidence"},
		"an image that is called denied, with the tag 401": {"ErrImagePull", "registry.example.com/denied:401", `rpc error: code = ` +
			`NotFound desc = reading manifest 401 in registry.example.com/denied: ` +
			`failed to resolve reference "registry.example.com/denied:401": ` +
			`not found`, imageNotFound, "the registry has no such image or tag"},
	} {
		t.Run(name, func(t *testing.T) {
			got := classifyPull(tc.reason, tc.image, tc.text)
			if diff := cmp.Diff([]string{tc.wantCheck, tc.wantWhy}, []string{got.check, got.why}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnImageThatDoesNotExistIsReported(t *testing.T) {
	const (
		spec = "containers: [{name: api, image: shop/api:v9}]"
		text = `rpc error: code = NotFound desc = failed to resolve reference "shop/api:v9": shop/api:v9: not found`
	)
	backOff := checktest.CartWithPod(waitingPod(spec, "ImagePullBackOff", `Back-off pulling image "shop/api:v9"`))
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"the state says it": {checktest.CartWithPod(waitingPod(spec, "ErrImagePull", text)), checktest.Lines(
			"high Deployment/shop/cart [api]: Image shop/api:v9 of container api of Deployment cart cannot be pulled: the registry has "+
				"no such image or tag.",
			"  condition: container api is waiting: ErrImagePull: "+text,
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"back-off with the cause in the state": {checktest.CartWithPod(waitingPod(spec, "ImagePullBackOff", `Back-off pulling image `+
			`"shop/api:v9": ErrImagePull: `+text)), checktest.Lines(
			"high Deployment/shop/cart [api]: Image shop/api:v9 of container api of Deployment cart cannot be pulled: the registry has "+
				"no such image or tag.",
			`  condition: container api is waiting: ImagePullBackOff: Back-off pulling image "shop/api:v9": ErrImagePull: `+text,
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"back-off with the cause in an event, before what follows from it": {backOff +
			eventAbout("cart-7d9f-a", containerField, "Failed", `Failed to pull image "shop/api:v9": `+text, "11:55", 4) +
			eventAbout("cart-7d9f-a", containerField, "Failed", "Error: ErrImagePull", "11:55", 4) +
			eventAbout("cart-7d9f-a", containerField, "Failed", "Error: ImagePullBackOff", "11:59", 9), checktest.Lines(
			"high Deployment/shop/cart [api]: Image shop/api:v9 of container api of Deployment cart cannot be pulled: the registry has "+
				"no such image or tag.",
			`  event: Failed: Failed to pull image "shop/api:v9": `+text,
			`  condition: container api is waiting: ImagePullBackOff: Back-off pulling image "shop/api:v9"`,
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"an event about another container is not taken for it": {documents: backOff +
			eventAbout("cart-7d9f-a", "spec.containers{proxy}", "Failed", `Failed to pull image "shop/proxy:v1": `+text, "11:55", 4)},
		"an init container": {checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i}], initContainers: " +
			"[{name: migrate, image: shop/api:v9}]}\n" +
			"status: {phase: Pending, initContainerStatuses: [{name: migrate, ready: false, restartCount: 0, state: {waiting: {reason: " +
			"ErrImagePull, message: 'shop/api:v9: not found'}}}], " +
			"containerStatuses: [{name: api, ready: false, restartCount: 0, state: {waiting: {reason: " +
			"PodInitializing}}}]}"), checktest.Lines(
			"high Deployment/shop/cart [migrate]: Image shop/api:v9 of init container migrate of Deployment cart cannot be pulled: the "+
				"registry has no such image or tag.",
			"  condition: init container migrate is waiting: ErrImagePull: shop/api:v9: not found",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"still pulling": {documents: checktest.CartWithPod(waitingPod(spec, "ContainerCreating", ""))},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), imageNotFound, tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherFailedPulls(t *testing.T) {
	private := "imagePullSecrets: [{name: regcred}], containers: [{name: api, image: shop/api:v9}]"
	refused := `dial tcp 192.0.2.7:443: connect: connection refused`
	young := strings.ReplaceAll(checktest.CartWithPod(waitingPod(private, "ErrImagePull", refused)), "2026-01-15T11:00:00Z",
		"2026-01-15T11:59:30Z")
	for name, tc := range map[string]struct {
		check, documents string
		elsewhere        []facts.Kind
		want             string
	}{
		"denied, and the pull secret does not exist": {imageDenied, checktest.CartWithPod(waitingPod(private, "ErrImagePull",
			"401 Unauthorized")), nil, checktest.Lines(
			"high Deployment/shop/cart [api]: Image shop/api:v9 of container api of Deployment cart cannot be pulled: the registry "+
				"denies access.",
			"  condition: container api is waiting: ErrImagePull: 401 Unauthorized",
			"  spec: imagePullSecrets references Secret regcred, which does not exist",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"denied, and Secrets were not read": {imageDenied, checktest.CartWithPod(waitingPod(private, "ErrImagePull", "401 Unauthorized")),
			[]facts.Kind{facts.Secret}, checktest.Lines(
				"high Deployment/shop/cart [api]: Image shop/api:v9 of container api of Deployment cart cannot be pulled: the registry "+
					"denies access.",
				"  condition: container api is waiting: ErrImagePull: 401 Unauthorized",
				"  spec: imagePullSecrets references Secret regcred",
				"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"denied without credentials": {imageDenied, checktest.CartWithPod(waitingPod("containers: [{name: api, image: i}]",
			"ErrImagePull", "401 Unauthorized")), nil, checktest.Lines(
			"high Deployment/shop/cart [api]: Image i of container api of Deployment cart cannot be pulled: the registry denies access.",
			"  condition: container api is waiting: ErrImagePull: 401 Unauthorized",
			"  spec: neither the Pod nor its ServiceAccount has imagePullSecrets",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"unreachable": {imageUnreachable, checktest.CartWithPod(waitingPod(private, "ErrImagePull", refused)), nil, checktest.Lines(
			"high Deployment/shop/cart [api]: Image shop/api:v9 of container api of Deployment cart cannot be pulled: nothing listens "+
				"at the registry's address.",
			"  condition: container api is waiting: ErrImagePull: "+refused,
			"  spec: node node-1",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"unreachable for half a minute": {imageUnreachable, young, nil, ""},
		"never pulled": {imageFailed, checktest.CartWithPod(waitingPod(private, "ErrImageNeverPull", `Container image "shop/api:v9" is `+
			`not present with pull policy of Never`)), nil, checktest.Lines(
			"high Deployment/shop/cart [api]: Image shop/api:v9 of container api of Deployment cart cannot be pulled: it is not on the "+
				"node and imagePullPolicy is Never.",
			`  condition: container api is waiting: ErrImageNeverPull: Container image "shop/api:v9" is not present with pull policy `+
				`of Never`,
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"crashes are no failed pulls": {imageFailed, checktest.CartWithPod(runningPod(crashed)), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), tc.check, tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzClassifyImagePull: whatever a runtime says, it is exactly one of the checks, with a reason in words.
func FuzzClassifyImagePull(f *testing.F) {
	f.Add("ErrImagePull", "shop/api:v1", `failed to resolve reference "shop/api:v1": not found`)
	f.Add("ImagePullBackOff", "", `Back-off pulling image "`)
	f.Add("RegistryUnavailable", "a/b@sha256:00", "https://: 401")
	f.Fuzz(func(t *testing.T, reason, image, text string) {
		pull := classifyPull(reason, image, text)
		switch pull.check {
		case imageNotFound, imageDenied, imageUnreachable, imageFailed:
		default:
			t.Errorf("check %q", pull.check)
		}
		if pull.why == "" || !utf8.ValidString(pull.why) {
			t.Errorf("why %q", pull.why)
		}
	})
}
