package bundles

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/cli/connect"
)

// maxRelease is the size of a release of Helm after decompression, in bytes. Compressed, it fits into a Secret.
const maxRelease = 32 << 20

// intents are the manifests that a release applies, by object.
type intents map[bundle.Key]map[string]any

// of an object. Manifests of Helm often have no namespace.
func (i intents) of(key bundle.Key) map[string]any {
	if found := i[key]; found != nil {
		return found
	}
	key.Namespace = ""
	return i[key]
}

// helmIntents are the manifests of the deployed revision of a release, from the Secret in which Helm keeps it. They are empty if it
// cannot be read: then only shared fields are known.
func (r release) helmIntents(ctx context.Context, t connect.Target) intents {
	client, err := kubernetes.NewForConfig(t.Config)
	if err != nil {
		return nil
	}
	selector := labels.Set{"owner": "helm", "status": "deployed", "name": r.name}.String()
	secrets, err := client.CoreV1().Secrets(t.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil
	}
	found := intents{}
	for _, secret := range secrets.Items {
		desired := &bundle.Desired{}
		desired.AddYAML(secret.Name, helmManifest(secret.Data["release"]))
		for _, object := range desired.Objects {
			found[object.Key()] = object.Content.Object
		}
	}
	return found
}

// helmManifest reads the manifest from a release: base64 of gzip of JSON. It is empty for anything else.
func helmManifest(encoded []byte) string {
	compressed, err := base64.StdEncoding.DecodeString(string(encoded))
	if err != nil {
		return ""
	}
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return ""
	}
	var stored struct {
		Manifest string `json:"manifest"`
	}
	if err := json.NewDecoder(io.LimitReader(reader, maxRelease)).Decode(&stored); err != nil {
		return ""
	}
	return stored.Manifest
}
