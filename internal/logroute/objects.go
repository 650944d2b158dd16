package logroute

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apply"
	"kubeops.io/kubeops/internal/logroute/images"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/networkpolicy"
)

// Images that collectors run, where no other are named. Vector's is its own; Fluentd's must hold the plug-in
// kubernetes_metadata, as this one of the Fluentd project does.
const (
	DefaultVectorImage  = images.Vector
	DefaultFluentdImage = images.Fluentd
)

type manifest = map[string]any

// name of everything that belongs to a collector.
func name(collector v1alpha1.CollectorType) string { return "kubeops-" + string(collector) }

// objects of a collector: what it needs, and the DaemonSet, which is rolled out again when a file or a secret changes. Its permissions
// to read Pods come from the installation, which binds them to its ServiceAccount: a manager that may bind roles could be borrowed.
func (r *Router) objects(collector v1alpha1.CollectorType, c Configuration) ([]*unstructured.Unstructured, error) {
	secrets := manifest{}
	for key, content := range c.Secrets {
		secrets[key] = base64.StdEncoding.EncodeToString(content)
	}
	files := manifest{}
	for key, content := range c.Files {
		files[key] = content
	}
	digest, err := digestOf(files, secrets)
	if err != nil {
		return nil, err
	}
	all := []*unstructured.Unstructured{
		r.object("v1", "ServiceAccount", collector, manifest{"automountServiceAccountToken": false}),
		r.object("v1", "ConfigMap", collector, manifest{"data": files}),
		r.object("v1", "Secret", collector, manifest{"type": "Opaque", "data": secrets}),
		r.object("networking.k8s.io/v1", "NetworkPolicy", collector,
			manifest{"spec": r.networkPolicy(collector, c.Targets)}),
		r.object("apps/v1", "DaemonSet", collector, manifest{"spec": r.daemonSet(collector, digest)}),
	}
	return all, nil
}

// kinds are references to all that a collector may have.
func (r *Router) kinds(collector v1alpha1.CollectorType) []apply.Ref {
	var refs []apply.Ref
	for _, kind := range [][2]string{{"v1", "ServiceAccount"}, {"v1", "ConfigMap"}, {"v1", "Secret"},
		{"networking.k8s.io/v1", "NetworkPolicy"}, {"apps/v1", "DaemonSet"}} {
		refs = append(refs, apply.Ref{APIVersion: kind[0], Kind: kind[1], Namespace: r.Namespace, Name: name(collector)})
	}
	return refs
}

func labels(collector v1alpha1.CollectorType) manifest {
	return manifest{"app.kubernetes.io/name": name(collector), "app.kubernetes.io/component": "log-collector",
		"app.kubernetes.io/managed-by": "kubeops"}
}

func (r *Router) object(apiVersion, kind string, collector v1alpha1.CollectorType, rest manifest) *unstructured.Unstructured {
	content := manifest{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": manifest{"name": name(collector), "namespace": r.Namespace, "labels": labels(collector)},
	}
	for key, value := range rest {
		content[key] = value
	}
	return &unstructured.Unstructured{Object: content}
}

func digestOf(parts ...any) (string, error) {
	text, err := json.Marshal(parts)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// networkPolicy lets a collector call name servers, the API server and the ports of its backends, wherever the rules for the manager
// allow addresses: not on the node itself, and not where clouds keep credentials. Only the manager may connect to a collector, to its
// counts. A policy cannot name hosts.
func (r *Router) networkPolicy(collector v1alpha1.CollectorType, targets []Target) manifest {
	ports := []int64{443, 6443}
	for _, t := range targets {
		ports = append(ports, int64(t.Port))
	}
	return manifest{
		"podSelector": manifest{"matchLabels": manifest{"app.kubernetes.io/name": name(collector)}},
		"policyTypes": []any{"Ingress", "Egress"},
		"egress":      networkpolicy.Egress(r.Options.Egress, ports...),
		"ingress": []any{manifest{
			"from": []any{manifest{
				"namespaceSelector": manifest{"matchLabels": manifest{"kubernetes.io/metadata.name": r.ManagerNamespace}},
				"podSelector":       manifest{"matchLabels": manifest{"app.kubernetes.io/name": "kubeops-manager"}},
			}},
			"ports": []any{manifest{"protocol": "TCP", "port": int64(meter.Port)}},
		}},
	}
}

// daemonSet reads the files that the kubelet keeps of Pods' lines. It is root, since those are root's, without any other right of
// root but to read: no privileges, no capabilities, a file system of its own that cannot be written to.
func (r *Router) daemonSet(collector v1alpha1.CollectorType, digest string) manifest {
	hostPath := func(name, path, kind string) manifest {
		return manifest{"name": name, "hostPath": manifest{"path": path, "type": kind}}
	}
	mount := func(name, path string, readOnly bool) manifest {
		return manifest{"name": name, "mountPath": path, "readOnly": readOnly}
	}
	container := manifest{
		"name": string(collector), "image": r.image(collector), "env": environment(collector),
		"resources": manifest{"requests": manifest{"cpu": "50m", "memory": "128Mi"}, "limits": manifest{"memory": "512Mi"}},
		"securityContext": manifest{
			"runAsUser": int64(
				0,
			), "runAsNonRoot": false, "privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
			"capabilities":   manifest{"drop": []any{"ALL"}, "add": []any{"DAC_READ_SEARCH"}},
			"seccompProfile": manifest{"type": "RuntimeDefault"},
		},
		"volumeMounts": []any{
			mount("config", configFolder, true), mount("secrets", secretsFolder, true), mount("data", dataFolder, false),
			mount("logs", "/var/log", true), mount("tmp", "/tmp", false),
		},
	}
	for key, value := range commandLine(collector) {
		container[key] = value
	}
	initial := []any{}
	if collector == v1alpha1.CollectorFluentd || images.HasShell(r.image(collector)) {
		initial = append(initial, r.bufferRemoval(collector, mount))
	}
	return manifest{
		"selector":       manifest{"matchLabels": manifest{"app.kubernetes.io/name": name(collector)}},
		"updateStrategy": manifest{"type": "RollingUpdate", "rollingUpdate": manifest{"maxUnavailable": "10%"}},
		"template": manifest{
			"metadata": manifest{"labels": labels(collector), "annotations": manifest{"kubeops.io/configuration": digest}},
			"spec": manifest{
				"serviceAccountName": name(collector), "automountServiceAccountToken": true, "enableServiceLinks": false,
				"priorityClassName": "system-node-critical", "terminationGracePeriodSeconds": int64(60),
				"tolerations":    []any{manifest{"operator": "Exists"}}, // every node has Pods whose lines are wanted
				"nodeSelector":   manifest{"kubernetes.io/os": "linux"},
				"initContainers": initial, "containers": []any{container},
				"volumes": []any{
					manifest{"name": "config", "configMap": manifest{"name": name(collector)}},
					manifest{"name": "secrets", "secret": manifest{"secretName": name(collector), "defaultMode": int64(0o400)}},
					hostPath("data", "/var/lib/"+name(collector), "DirectoryOrCreate"), hostPath("logs", "/var/log", "Directory"),
					manifest{"name": "tmp", "emptyDir": manifest{"sizeLimit": "64Mi"}},
				},
			},
		},
	}
}

// removeBuffers removes the buffers of routes that are gone, before a collector starts. Without it, each LogBackend that is deleted while
// its server is away would leave its buffer on every node. A failure must not keep the collector from starting,
// nor cost a buffer: the node may still have the files of before, without the list.
const removeBuffers = `cd ` + dataFolder + `/buffer || exit 0
[ -r ` + configFolder + "/" + routesFile + ` ] || exit 0
for folder in b_* v2/b_*; do
  [ -d "$folder" ] || continue
  grep -qxF "${folder##*/}" ` + configFolder + "/" + routesFile + `
  [ $? -ne 1 ] || rm -rf "$folder"
done
exit 0
`

// bufferRemoval is the step before the start of a collector.
func (r *Router) bufferRemoval(collector v1alpha1.CollectorType, mount func(name, path string, readOnly bool) manifest) manifest {
	return manifest{
		"name": "remove-buffers", "image": r.image(collector), "command": []any{"/bin/sh", "-c", removeBuffers},
		"resources": manifest{"requests": manifest{"cpu": "10m", "memory": "16Mi"}, "limits": manifest{"memory": "64Mi"}},
		"securityContext": manifest{
			"runAsUser": int64(0), "runAsNonRoot": false, "privileged": false, "allowPrivilegeEscalation": false,
			"readOnlyRootFilesystem": true, "capabilities": manifest{"drop": []any{"ALL"}},
			"seccompProfile": manifest{"type": "RuntimeDefault"},
		},
		"volumeMounts": []any{mount("config", configFolder, true), mount("data", dataFolder, false)},
	}
}

func (r *Router) image(collector v1alpha1.CollectorType) string {
	if image := r.Images[collector]; image != "" {
		return image
	}
	if collector == v1alpha1.CollectorFluentd {
		return DefaultFluentdImage
	}
	return DefaultVectorImage
}

// commandLine is the command line.
func commandLine(collector v1alpha1.CollectorType) manifest {
	if collector == v1alpha1.CollectorFluentd {
		return manifest{"command": []any{"fluentd", "-c", configFolder + "/" + FluentdFile, "-p", configFolder}}
	}
	return manifest{"args": []any{"--config", configFolder + "/" + VectorFile}}
}

func environment(collector v1alpha1.CollectorType) []any {
	node := func(variable string) manifest {
		return manifest{"name": variable, "valueFrom": manifest{"fieldRef": manifest{"fieldPath": "spec.nodeName"}}}
	}
	if collector == v1alpha1.CollectorFluentd {
		return []any{node("K8S_NODE_NAME")}
	}
	// Versions 0.52 to 0.56 put no variables into the configuration with the second one. Those before always do, and later ones never.
	return []any{
		node("VECTOR_SELF_NODE_NAME"), manifest{"name": "VECTOR_DISABLE_ENV_VAR_INTERPOLATION", "value": "true"},
		// Errors of these modules quote lines that are too long or in another format, before they are redacted.
		manifest{"name": "VECTOR_LOG", "value": "info,vector::internal_events::kubernetes_logs=off," +
			"vector::internal_events::parser=off,vector::internal_events::file::source=off"},
	}
}
