package v1alpha1

// ImageStage looks up the digest of a tag in a container registry. Later stages that use the digest deploy what the tag meant then, also
// if it is moved afterwards.
// +kubebuilder:validation:XValidation:rule="!(has(self.plainHTTP) && self.plainHTTP) || !has(self.secretRef)",message="plainHTTP would send the credentials of secretRef unencrypted"
type ImageStage struct {
	// repository with the host of its registry and without a tag, for example registry.example.com/shop or docker.io/library/busybox.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=400
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][-.A-Za-z0-9]*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`
	Repository string `json:"repository"`
	// tag to look up.
	Tag StageText `json:"tag"`
	// platform selects one image of an image index, as OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, for example linux/amd64. By default the
	// digest is that of the index, which the nodes of all its platforms can pull.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$`
	// +optional
	Platform string `json:"platform,omitempty"`
	// secretRef is a Secret, in this namespace, that the ServiceAccount of the Pipeline can get: .dockerconfigjson as in an image pull
	// Secret, or username and password, and optionally ca.crt for a private authority. Default: no credentials.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
	// plainHTTP connects without TLS. Defaults to false.
	// +optional
	PlainHTTP bool `json:"plainHTTP,omitempty"`
}

// ValueTag is the value of an image stage.
const ValueTag = "tag"

// Outputs of an image stage.
const (
	// OutputDigest is the digest, for example sha256:0123.
	OutputDigest = "digest"
	// OutputImage is the repository with the digest: REPOSITORY@DIGEST.
	OutputImage = "image"
)
